"""What a family adds to the report: a `Chapter`, with tables, facts for claims, metrics, and its own words.

The stage hands the chapters in; nothing here knows one from another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from regen import artifacts
from regen.report.claims import Facts
from regen.report.columns import Better, Column
from regen.report.markdown import markdown


@dataclass(frozen=True)
class Table:
    """A table in two forms: `data` goes to the CSV file, `text` is Markdown for the page."""

    name: str
    data: pd.DataFrame
    columns: Sequence[Column]
    text: str

    @classmethod
    def of(
        cls,
        name: str,
        data: pd.DataFrame,
        columns: Sequence[Column],
        shown: pd.DataFrame | None = None,
        empty: str = "",
    ) -> Self:
        """Table whose page shows `columns` of `data`, or of `shown`; or `empty`, in want of rows."""
        text = markdown(data if shown is None else shown, columns)
        return cls(name, data, columns, empty if data.empty and empty else text)

    def write(self, path: Path) -> None:
        """Publish the CSV file as `path`, and the Markdown beside it."""
        artifacts.write_csv(path, self.data)
        artifacts.write_text(path.with_suffix(".md"), self.text + "\n")


@dataclass(frozen=True)
class Chapter:
    """A family's part of the report."""

    section: str
    """Its part of the page, in Markdown."""
    tables: Sequence[Table] = ()
    """Those that are written to files, too."""
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
    columns = [Column(str(name)) for name in data]
    return Table("timings", data, columns, f"# How long it took\n\n{markdown(data, columns)}")
