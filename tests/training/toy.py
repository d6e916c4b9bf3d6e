"""Learners that learn little, and quickly, and plans for them."""

import math

import torch
from torch import nn

from regen.training.loop import Plan

ROWS, BATCH = 22, 5  # five steps an epoch, the last of two rows
STEPS = math.ceil(ROWS / BATCH)


class Regression:
    """Least squares on rows (x, y) with dropout; from the `at`-th step on there is `trouble`."""

    terms = ("loss", "weight")

    def __init__(self, trouble=None, at=0, noisy_evaluation=False, init=0):
        torch.manual_seed(init)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.trouble, self.at, self.steps = trouble, at, 0
        self.noisy_evaluation = noisy_evaluation
        self.batches = []

    def stateful(self):
        return {"model": self.model, "optimizer": self.optimizer}

    def step(self, batch):
        self.steps += 1
        self.batches.append(batch.clone())
        self.optimizer.zero_grad()
        loss = (self.model(batch[:, :3]).squeeze(1) - batch[:, 3]).square().mean()
        loss.backward()
        self.optimizer.step()
        if self.trouble is not None and self.steps >= self.at:
            if isinstance(self.trouble, BaseException):
                raise self.trouble
            loss = loss * self.trouble
        return torch.stack([loss.detach(), self.model[0].weight.detach().sum()])

    def evaluate(self):
        return {"noise": torch.rand(7).sum().item()} if self.noisy_evaluation else {"noise": 0.0}

    def snapshot(self):
        return self.weights().view(torch.uint8).unflatten(0, (-1, 1, 1, 4)).clone()  # every bit of them

    def weights(self):
        return torch.cat([parameter.detach().flatten() for parameter in self.model.parameters()])


class BatchMeans:
    """Learns nothing: its terms are the batch's mean and the mean of its squares."""

    terms = ("mean", "square")

    def stateful(self):
        return {}

    def step(self, batch):
        return torch.stack([batch.mean(), batch.square().mean()])

    def evaluate(self):
        return {}


def rows():
    """Return what `Regression` learns, (ROWS, 4), always the same."""
    drawn = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(3))
    drawn[:, 3] = drawn[:, :3].sum(1)
    return drawn


def plan(epochs=6, seed=1, checkpoint_every=2, shown_epochs=()):
    return Plan("toy", epochs, BATCH, 0.01, seed, checkpoint_every, shown_epochs)


def means(epochs, batch_size=4):
    return Plan("means", epochs, batch_size, 0.1, 1, 1, ())


def epochs_in(checkpoint):
    state = checkpoint.load()
    return 0 if state is None else len(state["history"])
