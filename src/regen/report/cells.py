"""Tables for readers: short numbers, and a mean with its deviation in one cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from regen.artifacts import NOT_FINITE
from regen.report.columns import Column


def texts(data: pd.DataFrame, columns: Sequence[Column]) -> list[list[str]]:
    """Cells of `columns` for readers, row by row."""
    deviations = [_deviation(data, column) for column in columns]
    return [
        [
            spread(row[column.key], row.get(deviation), column.digits)
            for column, deviation in zip(columns, deviations, strict=True)
        ]
        for row in data.to_dict("records")
    ]


def _deviation(data: pd.DataFrame, column: Column) -> str:
    """Column of what follows a value, of one kind in all rows: the deviation over seeds where one has it."""
    over_seeds = f"{column.key}_deviation"
    return over_seeds if over_seeds in data and data[over_seeds].notna().any() else column.deviation


def spread(mean: object, deviation: object, digits: int | None) -> str:
    """`1.234 ± 0.056`; the mean alone where there is no deviation, nothing where there is no mean.

    `digits` are those after the point; None: as many as tell two of the deviation, at most four or three of
    the mean, and of a mean alone as many as in any other `cell`.
    """
    parts: list[Any] = [mean, deviation] if _is_number(mean) and _is_number(deviation) else [mean]
    if digits is None and len(parts) == 2 and deviation and all(map(math.isfinite, parts)):
        digits = max(0, min(_decimals(deviation, 2), max(4, _decimals(mean, 3))))
    return " ± ".join(
        f"{part:.{digits}f}" if digits is not None and _is_number(part) else cell(part) for part in parts
    )


def _decimals(value: Any, significant: int) -> int:
    """Digits after the point that show so many significant ones; 0 of 0."""
    return significant - 1 - math.floor(math.log10(abs(value))) if value else 0


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
