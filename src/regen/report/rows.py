"""Rows and cells of tables for readers, as `Results.table` gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regen.report.results import Row

Column = Mapping[str, Any]
"""`key`, `title` and `better` of a table's column."""
ALIKE = ("data", "target", "extractor", "reference")
"""Columns, where a table has them, that have to be alike for rows to be compared."""


def chosen(rows: Sequence[Row], where: Mapping[str, Any]) -> list[Row]:
    """Those of `rows` whose values are, for each key of `where`, what it says or among what it lists."""
    wanted = {key: [each] if isinstance(each, str | int) else list(each) for key, each in where.items()}
    return [row for row in rows if all(row["values"].get(key) in each for key, each in wanted.items())]


def is_number(value: object) -> bool:
    """Whether a cell holds a number, or nothing."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def cells_of(
    table: Mapping[str, Any], rows: Sequence[Row], shown: Sequence[Column]
) -> list[list[dict[str, Any]]]:
    """Cells of some rows and columns, the best of a column marked; empty where the table lacks a column."""
    places = {column["key"]: i for i, column in enumerate(table["columns"])}
    best = {column["key"]: _best(rows, column) for column in shown}
    return [
        [
            {
                "text": row["cells"][places[key]] if key in places else "",
                "sort": row["values"].get(key),
                "mark": "best" if best[key] is not None and row["values"].get(key) == best[key] else None,
            }
            for key in best
        ]
        for row in rows
    ]


def _best(rows: Sequence[Row], column: Column) -> float | None:
    """Best value of a column that says which are better, if there are several, of rows that compare."""
    if len({tuple(row["values"].get(key) for key in ALIKE) for row in rows}) > 1:
        return None
    values = [row["values"].get(column["key"]) for row in rows]
    numbers = {value for value in values if isinstance(value, int | float)}
    if not column["better"] or len(numbers) < 2:
        return None
    return min(numbers) if column["better"] == "lower" else max(numbers)
