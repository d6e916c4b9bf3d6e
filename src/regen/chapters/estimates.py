"""Means over seeds or initialisations with their standard errors, and the words that they surely bear out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from regen.report.cells import spread
from regen.report.claims import NOT_SCORED, UNDECIDED
from regen.report.judge import SURE


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, which is None for a single seed."""

    mean: float
    error: float | None

    @classmethod
    def over(cls, values: pd.Series[float]) -> Estimate:
        """Mean of one value per seed."""
        error = values.std() / math.sqrt(len(values)) if len(values) > 1 else None
        return cls(values.mean(), error)

    @classmethod
    def difference(cls, ours: pd.Series[float], theirs: pd.Series[float]) -> Estimate:
        """Mean of `ours` - `theirs`, each with one value per seed, which is in the index.

        The same seeds are compared pair by pair; of others the two means are independent.
        """
        if set(ours.index) == set(theirs.index):
            return cls.over(ours - theirs)
        one, other = cls.over(ours), cls.over(theirs)
        known = one.error is not None and other.error is not None
        error = math.hypot(one.error or 0.0, other.error or 0.0) if known else None
        return cls(one.mean - other.mean, error)

    def __str__(self) -> str:
        return self.text(2)

    def text(self, digits: int) -> str:
        """Mean and standard error, with so many digits after the point."""
        return spread(self.mean, self.error, digits)

    @property
    def how(self) -> str:
        """What follows the text: what its ± is, or why it has none."""
        return "(± s.e.)" if self.error is not None else "(one seed: no standard error)"

    @property
    def interval(self) -> tuple[float, float]:
        """SURE standard errors either way; the mean alone, twice, without a standard error."""
        margin = SURE * (self.error or 0.0)
        return self.mean - margin, self.mean + margin

    def word(self, above: str, below: str, limit: float = 0.0) -> str:
        """Word for the side of `limit` where all of the interval lies, SURE standard errors either way.

        UNDECIDED where it lies on both sides, NOT_SCORED without a standard error.
        """
        if self.error is None:
            return NOT_SCORED
        low, high = self.interval
        return above if low > limit else below if high < limit else UNDECIDED
