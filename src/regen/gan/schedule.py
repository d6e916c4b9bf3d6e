"""When what happens in a run, in steps of the generator, and which images a step sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from regen.params.gan import GanRun

ROWS = 500
"""At least so many rows has the history of a run that counts steps, where it takes as many."""
CHECKPOINTS = 10
"""States that a run saves which counts steps and is never scored."""


@dataclass(frozen=True)
class Schedule:
    """A run's name, seed, length, and the steps after which there is more to do than to take the next."""

    name: str
    seed: int
    steps: int
    steps_per_epoch: int
    row: int
    """Steps whose mean is a row of the history."""
    shown: tuple[int, ...]
    evaluate_every: int
    """0: never."""
    checkpoint_every: int
    validates: bool
    """Whether losses on held-out images are measured after each row."""

    @classmethod
    def of(cls, name: str, run: GanRun, images: int, seed: int, checkpoint_epochs: int) -> Schedule:
        """Return the schedule of `run` on so many training images.

        An epoch is as many whole steps as the images last for, `critic_steps` batches each. Runs that count
        epochs have a row an epoch, with losses on held-out images, and a checkpoint every
        `checkpoint_epochs`; those that count steps have a checkpoint wherever they are scored.
        """
        epoch = images // (run.batch_size * run.critic_steps)
        by_epochs = run.unit == "epochs"
        unit = epoch if by_epochs else 1
        steps, evaluate_every = run.length * unit, run.evaluate_every * unit
        between_scores = evaluate_every or -(-steps // CHECKPOINTS)
        return cls(
            name=name,
            seed=seed,
            steps=steps,
            steps_per_epoch=epoch,
            row=epoch if by_epochs else max(1, steps // ROWS),
            shown=tuple(at * unit for at in run.shown),
            evaluate_every=evaluate_every,
            checkpoint_every=checkpoint_epochs * epoch if by_epochs else between_scores,
            validates=by_epochs,
        )

    def stops(self, done: int) -> list[int]:
        """Return `done` and the steps after it, the last included, after which something else is due."""
        later = range(done + 1, self.steps + 1)
        tests = self.is_shown, self.is_evaluated, self.is_validated, self.is_saved
        return [done, *(step for step in later if any(test(step) for test in tests))]

    def is_shown(self, step: int) -> bool:
        """Return whether samples are kept of the generator after `step`; 0 is before training."""
        return step in self.shown

    def is_evaluated(self, step: int) -> bool:
        """Return whether the generator is scored after `step`."""
        return step > 0 and self.evaluate_every > 0 and self._is_due(step, self.evaluate_every)

    def is_validated(self, step: int) -> bool:
        """Return whether losses on held-out images are measured after `step`."""
        return step > 0 and self.validates and step % self.row == 0

    def is_saved(self, step: int) -> bool:
        """Return whether a checkpoint is made after `step`."""
        return step > 0 and self._is_due(step, self.checkpoint_every)

    def _is_due(self, step: int, every: int) -> bool:
        return step % every == 0 or step == self.steps


class Passes:
    """Batches of the rows of `data` (N, ...): each row at most once a pass, each pass in a new order."""

    def __init__(self, data: Tensor, batch_size: int) -> None:
        self.data = data
        self.batch_size = batch_size
        self.order = torch.empty(0, dtype=torch.long, device=data.device)
        self.at = 0

    def next(self) -> Tensor:
        """Return the next batch (batch_size, ...); rows of a pass too few for one are left out."""
        if self.at + self.batch_size > len(self.order):
            self.order, self.at = torch.randperm(len(self.data), device=self.data.device), 0
        self.at += self.batch_size
        return self.data[self.order[self.at - self.batch_size : self.at]]

    def state_dict(self) -> dict[str, Any]:
        """Return how far the pass has gone."""
        return {"order": self.order, "at": self.at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.order, self.at = state["order"].to(self.data.device), state["at"]
