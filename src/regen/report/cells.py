"""Tables for readers: short numbers, and a mean with its deviation in one cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from regen.artifacts import NOT_FINITE
from regen.report.columns import Column


def texts(data: pd.DataFrame, columns: Sequence[Column]) -> list[list[str]]:
    """Cells of `columns` for readers, row by row."""
    return [[_text(row, column) for column in columns] for row in data.to_dict("records")]


def _text(row: Mapping[Any, Any], column: Column) -> str:
    deviations = (row.get(name) for name in (f"{column.key}_deviation", column.deviation))
    deviation = next((value for value in deviations if not pd.isna(value)), None)
    return spread(row[column.key], deviation, column.digits)


def spread(mean: object, deviation: object, digits: int | None) -> str:
    """`1.234 ± 0.056`; the mean alone where there is no deviation, nothing where there is no mean.

    `digits` are those after the point; None: as many as in any other `cell`.
    """
    parts = [mean, deviation] if _is_number(mean) and _is_number(deviation) else [mean]
    return " ± ".join(
        f"{part:.{digits}f}" if digits is not None and _is_number(part) else cell(part) for part in parts
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not pd.isna(value)


def ends(value: Any) -> Any:
    """A curve by its ends; anything else as it is."""
    return f"{value[0]} to {value[-1]}" if isinstance(value, list) else value


def cell(value: object) -> str:
    """Text of a cell: numbers to about three digits, nothing where there is no value."""
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return str(value)  # a count, as exact as it is
    if math.isinf(value):
        return NOT_FINITE
    if value == round(value) or abs(value) >= 1000:
        return f"{value:.0f}" if abs(value) < 1e6 else f"{value:.1e}"
    return f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"
