"""Write the book of the five reports, as HTML, from what write_report left: python stages/write_book.py."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from regen import artifacts, stage
from regen.data.catalog import CORPORA, DATASETS, CorpusEntry, DatasetEntry, is_official
from regen.params.profiles import profile_of
from regen.params.yaml_files import read_yaml
from regen.report.book import Book
from regen.report.records import read_records
from regen.report.results import Results
from regen.report.revision import git
from regen.training.environment import environment

RECORDS = Path("results")
SOURCES = ("dvc.yaml", "params.yaml", "src", "stages")
"""What results come from."""
DIGITS = 12
"""Of a checksum that are shown."""


def write_book() -> None:
    """Write reports/index.html, a page for each report, and reports/runs.html."""
    Book(Results.of(artifacts.REPORTS), artifacts.REPORTS, made(), records=read_records(RECORDS)).write()


def made() -> dict[str, str]:
    """How the results were made; only the first page says more than the settings, which machines change."""
    versions = {key: str(value) for key, value in environment(torch.device("cpu")).items()}
    for key in ("processor", "instructions", "threads", "device"):
        del versions[key]
    params = read_yaml(Path("params.yaml"))
    return {
        "settings": settings(params),
        "code": code(),
        "data": data(params["data"]),
        "trained on": trained_on(),
        "versions": ", ".join(f"{key} {value}" for key, value in versions.items()),
    }


def settings(params: Mapping[str, Any]) -> str:
    """The profile that `params` has the runs of, if it is one."""
    profile = profile_of(params)
    return f"the runs of the {profile} profile" if profile else "runs of one's own, as in params.yaml"


def code() -> str:
    """The commit at hand when the book was written, and whether what results come from has changed since."""
    commit = git("rev-parse", "--short=10", "HEAD").decode().strip()
    if not commit:
        return "of no commit"
    return f"commit {commit}{', changed since' if git('status', '--porcelain', '--', *SOURCES) else ''}"


def data(chosen: Mapping[str, Any]) -> str:
    """Data sets and corpora `chosen`, with the SHA-256 that their files had to have, its first 12 digits."""
    known: dict[str, DatasetEntry | CorpusEntry] = {**DATASETS, **CORPORA}
    other = chosen.get("sha256") or {}
    names = [*chosen["sets"], *chosen["corpora"]]
    return "; ".join(f"{name} ({_origin(known[name], other.get(name))})" for name in names)


def _origin(entry: DatasetEntry | CorpusEntry, other: str | None) -> str:
    """Checksums of the files of a data set, of which a mirror may have `other` bytes."""
    if other and not is_official(entry, other):
        return f"not the official file: {other[:DIGITS]}"
    sums = (f"{file.name} {file.sha256[:DIGITS]}" for file in entry.files)
    return ", ".join(sums) or "comes with the installation"


def trained_on() -> str:
    """Machines that trained, and how long all runs took together."""
    if not artifacts.REPORT_TIMINGS.exists():
        return "not recorded"
    timings = pd.read_csv(artifacts.REPORT_TIMINGS)
    machines = ", ".join(timings["processor"].astype(str).unique())
    return f"{machines}; {timings['seconds'].sum() / 60:.0f} minutes of training in {len(timings)} runs"


if __name__ == "__main__":
    stage.run(write_book)
