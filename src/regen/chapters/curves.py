"""What learning curves look like, in the reports' words: lower is better, one value an epoch."""

from __future__ import annotations

from collections.abc import Sequence

FEW = 0.02
"""Of the whole fall of a curve: what is no more than this counts as nothing."""


def shape(valid: Sequence[float]) -> str:
    """Whether nine tenths of the fall come in the first half of the epochs."""
    fall, first_half = valid[0] - min(valid), valid[0] - min(valid[: -(-len(valid) // 2)])
    return "rises fast, then levels off" if first_half > 0.9 * fall > 0 else "does not level off"


def generalisation(train: Sequence[float], valid: Sequence[float]) -> str:
    """Whether training and validation end within 5 % of each other."""
    return "close" if abs(valid[-1] - train[-1]) < 0.05 * abs(train[-1]) else "apart"


def plateau(train: Sequence[float], valid: Sequence[float], since: int) -> str:
    """What training and validation do after epoch `since`."""
    if len(valid) <= since:
        return "too few epochs"
    return f"train {_course(train, since)}, valid {_course(valid, since)}"


def _course(curve: Sequence[float], since: int) -> str:
    fall, little = curve[since - 1] - curve[-1], FEW * (curve[0] - min(curve))
    return "falls" if fall > little else "rises" if fall < -little else "is flat"


def progress(valid: Sequence[float], middle: int) -> str:
    """Whether most is won by epoch `middle`, and some more after it."""
    if len(valid) <= middle:
        return "too few epochs"
    early, late = valid[0] - valid[middle - 1], valid[middle - 1] - valid[-1]
    return "fast, then a little" if early > late > 0 else "slowly" if late > 0 else "no more after the middle"
