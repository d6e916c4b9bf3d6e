"""Another run's results beside those of the last run: the pages of the book, with both in each place."""

from __future__ import annotations

import shutil
from pathlib import Path

from regen import artifacts
from regen.errors import InputError
from regen.pipeline.node import extract
from regen.report.book import Book
from regen.report.results import Results
from regen.report.revision import Revision, git

COMPARED = ("reports", "params.yaml")
"""What a revision is asked for."""


def compare(other: str) -> Path:
    """Write the book with the results of `other` beside ours into reports/compare; return its first page.

    `other` is a folder with results, such as a student's repository or one under results/, or else a
    revision or an experiment.

    Raises:
        InputError: it is neither, or has no results; or nothing was run here.
    """
    folder = artifacts.REPORTS / "compare"
    ours = Results.of(artifacts.REPORTS)
    theirs = Path(other) if Path(other).is_dir() else _checked_out(other, folder / "other")
    inside = theirs / artifacts.REPORTS.name
    found = Results.of(inside if (inside / "tables").is_dir() else theirs)
    made = {"settings": f"these results beside {other}"}
    Book(ours, folder, made, found, label=other).write()
    return folder / "index.html"


def _checked_out(name: str, folder: Path) -> Path:
    """Put the results of a revision into `folder`, and return it."""
    try:
        revision = Revision.of(name)
    except InputError:
        raise InputError(
            f"OTHER: {name!r}: neither a folder nor a revision; allowed: a folder like results/NAME, a "
            "branch, commit or experiment"
        ) from None
    archive = git("archive", revision.commit, *COMPARED)
    if not archive:
        raise InputError(f"OTHER: {name!r}: that revision has no {' and '.join(COMPARED)}")
    shutil.rmtree(folder, ignore_errors=True)
    extract(archive, folder)
    return folder
