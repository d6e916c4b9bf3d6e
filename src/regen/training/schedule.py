"""Training schedule and batch iterator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

ROWS = 500
"""Rows, at least, of the history of a run that counts steps, where it takes as many."""
CHECKPOINTS = 10
"""Checkpoints of a run that counts steps and is never scored."""


class Passes:
    """Batches of the rows of `data` (N, ...): each row at most once a pass, each pass in a new order.

    Rows at the end of a pass that are too few for a batch make a smaller one, or none with `drop_last`.
    """

    def __init__(self, data: Tensor, batch_size: int, drop_last: bool = False) -> None:
        self.data = data
        self.batch_size = batch_size
        self.used = len(data) // batch_size * batch_size if drop_last else len(data)
        self.order = torch.empty(0, dtype=torch.long, device=data.device)
        self.at = 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the batches of one pass."""
        starts = range(0, self.used, self.batch_size)
        return tuple(min(self.batch_size, self.used - start) for start in starts)

    def next(self) -> Tensor:
        """Next batch (B, ...), on the device of the data."""
        if self.at >= min(self.used, len(self.order)):
            self.order, self.at = torch.randperm(len(self.data), device=self.data.device), 0
        end = min(self.at + self.batch_size, self.used)
        rows, self.at = self.order[self.at : end], end
        return self.data[rows]

    def state_dict(self) -> dict[str, Any]:
        """Order and position of the current pass."""
        return {"order": self.order, "at": self.at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.order, self.at = state["order"].to(self.data.device), state["at"]


@dataclass(frozen=True)
class Schedule:
    """A run's name, seed and length, and the steps after which something is due."""

    name: str
    seed: int
    steps: int
    sizes: tuple[int, ...]
    """Sizes of the batches of one epoch, a pass over the data."""
    row: int
    """Steps whose means are a row of the history."""
    unit: Literal["epochs", "steps"]
    """What the run counts; with epochs, held-out data is looked at after each."""
    shown: tuple[int, ...]
    """Steps whose snapshots are kept; 0 is before training."""
    score_every: int
    """0: never."""
    save_every: int

    @classmethod
    def by_epochs(
        cls,
        name: str,
        seed: int,
        epochs: int,
        sizes: tuple[int, ...],
        *,
        shown: Sequence[int] = (),
        save_every: int,
        score_every: int = 0,
    ) -> Schedule:
        """Schedule in epochs: a row of the history for each, with held-out scores."""
        epoch = len(sizes)
        return cls(
            name,
            seed,
            epochs * epoch,
            sizes,
            row=epoch,
            unit="epochs",
            shown=tuple(at * epoch for at in shown),
            score_every=score_every * epoch,
            save_every=save_every * epoch,
        )

    @classmethod
    def by_steps(
        cls,
        name: str,
        seed: int,
        steps: int,
        sizes: tuple[int, ...],
        *,
        shown: Sequence[int] = (),
        score_every: int = 0,
    ) -> Schedule:
        """Schedule in steps: some ROWS rows, and a checkpoint wherever the run is scored."""
        return cls(
            name,
            seed,
            steps,
            sizes,
            row=max(1, steps // ROWS),
            unit="steps",
            shown=tuple(shown),
            score_every=score_every,
            save_every=score_every or -(-steps // CHECKPOINTS),
        )

    @property
    def epoch(self) -> int:
        """Steps of an epoch."""
        return len(self.sizes)

    def epoch_of(self, step: int) -> int:
        """Number of the epoch, from 1, that `step`, from 1, belongs to."""
        return -(-step // self.epoch)

    def images_until(self, step: int) -> int:
        """Rows of data seen in the first so many steps."""
        passes, rest = divmod(step, self.epoch)
        return passes * sum(self.sizes) + sum(self.sizes[:rest])

    def in_units(self, step: int) -> int:
        """`step` as the run counts: epochs or steps."""
        return step // self.epoch if self.unit == "epochs" else step

    def stops(self, done: int) -> list[int]:
        """`done` and the steps after it, the last included, after which something is due."""
        due = self.is_shown, self.is_scored, self.is_validated, self.is_saved
        later = range(done + 1, self.steps + 1)
        return [done, *(step for step in later if any(test(step) for test in due))]

    def is_shown(self, step: int) -> bool:
        """Whether a snapshot is kept after `step`."""
        return step in self.shown

    def is_scored(self, step: int) -> bool:
        """Whether the model is scored after `step`."""
        return step > 0 and self.score_every > 0 and self._is_due(step, self.score_every)

    def is_validated(self, step: int) -> bool:
        """Whether held-out data is looked at after `step`."""
        return step > 0 and self.unit == "epochs" and step % self.epoch == 0

    def is_saved(self, step: int) -> bool:
        """Whether a checkpoint is made after `step`."""
        return step > 0 and self._is_due(step, self.save_every)

    def _is_due(self, step: int, every: int) -> bool:
        return step % every == 0 or step == self.steps
