"""Columns of tables: each is named once, for the CSV file, the book and the verdicts alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Where `<key>_deviation`, the standard deviation over seeds, is known of any row, the book shows it after
    the values; else what stands in the column `deviation`, if any does.
    """

    key: str
    """Name in the CSV file."""
    heading: str = ""
    """Name in the book, where it is not `key` with spaces."""
    digits: int | None = None
    """Digits after the point; None: about three significant digits."""
    deviation: str = ""
    better: Better | None = None
    """Which values are the better ones, where some are."""
    of: str = ""
    """Name in the records, where it is not `key`."""
    hidden: bool = False
    """Whether it stands in the CSV file alone."""

    @property
    def title(self) -> str:
        """Name in the book."""
        return self.heading or self.key.replace("_", " ")

    @property
    def source(self) -> str:
        """Name in the records."""
        return self.of or self.key


def hidden(*keys: str) -> list[Column]:
    """Columns that stand in the CSV file alone."""
    return [Column(key, hidden=True) for key in keys]


def frame(rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> pd.DataFrame:
    """Table of what `columns` name, empty where a row lacks it.

    Deviations over seeds follow their means, unless `columns` give them another place; where no row has any,
    there is no such column.
    """
    rows = list(rows)
    sources = {column.key: column.source for column in columns}
    names: dict[str, str] = {}
    for key, source in sources.items():
        names[key] = source
        deviation = f"{source}_deviation"
        if f"{key}_deviation" not in sources and any(deviation in row for row in rows):
            names[f"{key}_deviation"] = deviation
    cells = [{key: row.get(source) for key, source in names.items()} for row in rows]
    return pd.DataFrame(cells, columns=list(names))
