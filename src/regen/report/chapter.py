"""What a family adds to the report: a `Chapter`, with tables, facts for claims, and metrics.

The stage hands the chapters in; nothing here knows one from another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from regen import artifacts
from regen.report.cells import texts
from regen.report.claims import Facts
from regen.report.columns import Better, Column


@dataclass(frozen=True)
class Table:
    """A table in two forms: `data` goes to the CSV file, what readers see of it to a JSON file beside it."""

    name: str
    data: pd.DataFrame
    columns: Sequence[Column]
    shown: pd.DataFrame | None = None
    """What is shown of `columns` in place of `data`."""
    empty: str = ""
    """Sentence in place of a table without rows."""

    @property
    def headings(self) -> list[Column]:
        """Columns that are shown."""
        return [column for column in self.columns if not column.hidden]

    @property
    def rows(self) -> list[list[str]]:
        """Cells for readers, below `headings`."""
        return texts(self._shown, self.headings)

    @property
    def _shown(self) -> pd.DataFrame:
        return self.data if self.shown is None else self.shown

    def write(self, path: Path) -> None:
        """Publish the CSV file as `path`, and what readers see as JSON beside it."""
        artifacts.write_csv(path, self.data)
        columns = [
            {"key": each.key, "title": each.title, "better": each.better, "of": each.source}
            for each in self.headings
        ]
        values = self._shown.to_dict("records")
        rows = [
            {"cells": cells, "values": {str(key): _plain(value) for key, value in row.items()}}
            for cells, row in zip(self.rows, values, strict=True)
        ]
        artifacts.write_json(
            path.with_suffix(".json"), {"columns": columns, "empty": self.empty, "rows": rows}
        )


def _plain(value: Any) -> str | float | int | None:
    """A cell's value, by which rows are chosen and sorted: JSON has no NaN, nor numpy's numbers."""
    if isinstance(value, str):
        return value
    return None if pd.isna(value) else value.item() if hasattr(value, "item") else value


@dataclass(frozen=True)
class Chapter:
    """What a family has to say."""

    tables: Sequence[Table] = ()
    facts: Mapping[str, Facts] = field(default_factory=dict)
    """What claims may ask for, by run."""
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What `dvc metrics` follows, by run."""
    trained: Sequence[str] = ()
    """Trainings that left a record of how long they took."""


def all_facts(chapters: Iterable[Chapter]) -> dict[str, Facts]:
    """Facts by run; where several chapters know of a run, what the later ones know is added."""
    found: dict[str, Facts] = {}
    for chapter in chapters:
        for run, facts in chapter.facts.items():
            known = found.get(run, Facts({}, {}))
            found[run] = Facts(
                {**known.settings, **facts.settings},
                {**known.metrics, **facts.metrics},
                {**known.told, **facts.told},
                {**known.beside, **facts.beside},
            )
    return found


def all_metrics(chapters: Iterable[Chapter]) -> dict[str, Mapping[str, Any]]:
    """Metrics by run; where several chapters follow a run, those of the later ones are added."""
    found: dict[str, Mapping[str, Any]] = {}
    for chapter in chapters:
        for run, metrics in chapter.metrics.items():
            found[run] = {**found.get(run, {}), **metrics}
    return found


def directions(chapters: Iterable[Chapter]) -> dict[str, Better]:
    """Which values of a metric are the better ones, as the columns say that show it."""
    columns = [column for chapter in chapters for table in chapter.tables for column in table.columns]
    return {column.source: column.better for column in columns if column.better}


def timings(chapters: Iterable[Chapter]) -> Table:
    """How long each training took, and on what."""
    runs = [run for chapter in chapters for run in chapter.trained]
    data = pd.DataFrame([{"run": run, **artifacts.read_metrics(artifacts.timing_file(run))} for run in runs])
    return Table("timings", data, [Column(str(name)) for name in data])
