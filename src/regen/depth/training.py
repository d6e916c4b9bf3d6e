"""Training of stacks on the copy task, by Adam from the first step on, without a warm-up of its rate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor
from torch.optim import Adam

from regen.depth.stacks import Copier, copying_loss
from regen.training.grid import on_grid
from regen.training.loop import Stateful
from regen.training.runs import Job, Trained
from regen.training.schedule import Passes, Schedule

if TYPE_CHECKING:
    from regen.params import Depth

ROW = 10
"""Steps whose mean loss is a row of the learning curves."""
CHECKPOINTS = 3
"""Checkpoints of a run of a few seconds."""


class CopyLearner:
    """Adam on the cross entropy of copying, nats per word."""

    terms: tuple[str, ...] = ("loss",)

    def __init__(self, copier: Copier, learning_rate: float) -> None:
        self.copier = copier
        self.rates = {"depth.learning_rate": learning_rate}
        self.optimizer = on_grid(Adam(copier.parameters(), lr=learning_rate, fused=True), copier)

    def stateful(self) -> dict[str, Stateful]:
        """The stack and the optimiser."""
        return {"copier": self.copier, "optimizer": self.optimizer}

    def step(self, batch: Tensor) -> Tensor:
        """Take one step on `batch` (N, T) int64; return its loss (1,)."""
        self.optimizer.zero_grad()
        loss = copying_loss(self.copier(batch), batch)
        loss.backward()
        self.optimizer.step()
        return loss.detach()[None]

    def validate(self) -> dict[str, float]:
        """None: no sequence is seen twice."""
        return {}

    def evaluated(self) -> Copier:
        """The stack itself."""
        return self.copier

    def snapshot(self, model: Copier) -> Tensor:  # noqa: ARG002 (as every learner's)
        """No images (0, 1, 1, 1): a stack makes none."""
        return torch.empty(0, 1, 1, 1, dtype=torch.uint8)


def train(norm: str, depth: int, settings: Depth, job: Job) -> Trained[CopyLearner]:
    """Train one stack on random words, each sequence once; words and weights by torch's stream as it is."""
    copier = Copier(norm, depth, settings)
    words = torch.randint(settings.words, (settings.steps * settings.batch_size, settings.length))
    passes = Passes(words, settings.batch_size)
    schedule = Schedule.by_steps(job.name, job.seed, settings.steps, passes.sizes)
    schedule = replace(schedule, row=ROW, save_every=-(-settings.steps // CHECKPOINTS))
    return job.fit(CopyLearner(copier, settings.learning_rate), passes, schedule)


def curve(trained: Trained[CopyLearner]) -> pd.DataFrame:
    """Losses over training: `step`, the last of each row, and `loss`, the row's mean in nats per word."""
    return trained.history[["step", "train_loss"]].rename(columns={"train_loss": "loss"})
