"""Tables for readers: short numbers, and a mean with its deviation in one cell."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd


def markdown(table: pd.DataFrame, headings: Mapping[str, str]) -> str:
    """Return the columns that `headings` names as a Markdown table of short numbers."""
    cells = table[list(headings)].map(cell)
    return str(cells.to_markdown(index=False, headers=list(headings.values()), disable_numparse=True))


def cell(value: object) -> str:
    """Return a cell's text: numbers to about three digits, nothing where there is no value."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).replace("|", r"\|")  # which would end the cell
    if isinstance(value, int):
        return str(value)  # a count, as exact as it is
    if math.isinf(value):
        return "not finite"
    if value == round(value) or abs(value) >= 1000:
        return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.1e}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def spread(mean: object, deviation: object, digits: int) -> str:
    """Return `1.234 ± 0.056`; the mean alone where there is no deviation, nothing where there is no mean."""
    if not isinstance(mean, int | float) or pd.isna(mean):
        return "" if mean is None or not isinstance(mean, str) else mean
    if not isinstance(deviation, int | float) or pd.isna(deviation):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}"
