"""Errors that are nothing but rounding, in a form that does not change from machine to machine."""

from __future__ import annotations

import math


def at_most(error: float) -> float:
    """Return the power of ten at or above `error` >= 0; 0 and what is not finite stay as they are.

    The digits of a rounding error say nothing, and would show up in every comparison of two runs.
    """
    return 10.0 ** math.ceil(math.log10(error)) if 0 < error < math.inf else error
