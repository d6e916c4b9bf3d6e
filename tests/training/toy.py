"""Learners that learn little, and quickly, and runs of any learner."""

import math
from types import SimpleNamespace

import torch
from torch import nn

from regen.training.loop import fit, history
from regen.training.schedule import Passes, Schedule

ROWS, BATCH = 22, 5  # five steps an epoch, the last of two rows
STEPS = math.ceil(ROWS / BATCH)


class Regression:
    """Least squares on rows (x, y) with dropout; from the `at`-th step on there is `trouble`."""

    terms = ("loss", "weight")
    rates = {"learning_rate": 0.01}  # noqa: RUF012

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
            if self.trouble == "weights":
                self.model[2].weight.data.fill_(math.inf)
            else:
                loss = loss * self.trouble
        return torch.stack([loss.detach(), self.model[0].weight.detach().sum()])

    def validate(self):
        return {"noise": torch.rand(7).sum().item()} if self.noisy_evaluation else {"noise": 0.0}

    def evaluated(self):
        return self

    def snapshot(self, model):
        return model.weights().view(torch.uint8).unflatten(0, (-1, 1, 1, 4)).clone()  # every bit of them

    def weights(self):
        return torch.cat([parameter.detach().flatten() for parameter in self.model.parameters()])


class BatchMeans:
    """Learns nothing: its terms are the batch's mean and the mean of its squares."""

    terms = ("mean", "square")
    rates = {"learning_rate": 0.1}  # noqa: RUF012

    def stateful(self):
        return {}

    def step(self, batch):
        return torch.stack([batch.mean(), batch.square().mean()])

    def validate(self):
        return {}


def rows():
    """Return what `Regression` learns, (ROWS, 4), always the same."""
    drawn = torch.randn(ROWS, 4, generator=torch.Generator().manual_seed(3))
    drawn[:, 3] = drawn[:, :3].sum(1)
    return drawn


def run(learner, schedule, passes, checkpoint, **more):
    """Train `learner`; return what is left, with the learning curves as `table`."""
    fitted = fit(learner, passes, schedule, checkpoint, **more)
    table = history(learner, fitted, schedule)
    return SimpleNamespace(**vars(fitted), table=table, schedule=schedule)


def fit_epochs(
    learner, data, checkpoint, *, epochs=6, batch_size=BATCH, seed=1, save_every=2, shown=(), name="toy"
):
    """Train `learner` by epochs; the snapshots come by epoch, the learning curves as `table`."""
    passes = Passes(data, batch_size)
    schedule = Schedule.by_epochs(name, seed, epochs, passes.sizes, shown=shown, save_every=save_every)
    fitted = run(learner, schedule, passes, checkpoint)
    fitted.table = fitted.table.drop(columns="step", errors="ignore")
    fitted.snapshots = {schedule.in_units(step): images for step, images in fitted.snapshots.items()}
    return fitted


def fit_steps(learner, data, checkpoint, *, steps, batch_size=BATCH, score_every=0, score=None, shown=()):
    """Train `learner` by steps, over batches of one size."""
    passes = Passes(data, batch_size, drop_last=True)
    schedule = Schedule.by_steps("toy", 1, steps, passes.sizes, shown=shown, score_every=score_every)
    return run(learner, schedule, passes, checkpoint, score=score)


def steps_in(checkpoint):
    state = checkpoint.load()
    return 0 if state is None else state["fitted"]["step"]


def epochs_in(checkpoint):
    return steps_in(checkpoint) // STEPS


def stopped_at(learner, at):
    """`learner`, whose `at`-th step raises KeyboardInterrupt."""
    take, taken = learner.step, iter(range(1, at))

    def step(batch):
        if next(taken, None) is None:
            raise KeyboardInterrupt
        return take(batch)

    learner.step = step
    return learner
