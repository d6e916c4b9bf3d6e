"""Write the book of the five reports, as HTML, from what write_report left: python stages/write_book.py."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from regen import artifacts, stage
from regen.params.yaml_files import read_yaml
from regen.report.book import Book
from regen.report.results import Results
from regen.training.environment import environment

PROFILES = Path("profiles")
SECTIONS = ("attention", "classifier", "depth", "dirac", "flow", "gan", "realnvp", "vae")
"""Of params.yaml, those whose settings the pages show."""


def write_book() -> None:
    """Write reports/index.html, a page for each report, and reports/runs.html."""
    Book(Results.of(artifacts.REPORTS), artifacts.REPORTS, made()).write()


def made() -> dict[str, str]:
    """How the results were made; only the first page says more than the settings, which machines change."""
    versions = {key: str(value) for key, value in environment(torch.device("cpu")).items()}
    for key in ("processor", "instructions", "threads", "device"):
        del versions[key]
    return {
        "settings": settings(),
        "trained on": trained_on(),
        "versions": ", ".join(f"{key} {value}" for key, value in versions.items()),
    }


def settings() -> str:
    """The profile that params.yaml has the runs of, if it is one."""
    ours = _runs(Path("params.yaml"))
    same = [path.stem for path in sorted(PROFILES.glob("*.yaml")) if _runs(path) == ours]
    return f"the runs of the {same[0]} profile" if same else "runs of one's own, as in params.yaml"


def _runs(file: Path) -> dict[str, Any]:
    params = read_yaml(file)
    return {section: params.get(section) for section in SECTIONS}


def trained_on() -> str:
    """Machines that trained, and how long all runs took together."""
    if not artifacts.REPORT_TIMINGS.exists():
        return "not recorded"
    timings = pd.read_csv(artifacts.REPORT_TIMINGS)
    machines = ", ".join(timings["processor"].astype(str).unique())
    return f"{machines}; {timings['seconds'].sum() / 60:.0f} minutes of training in {len(timings)} runs"


if __name__ == "__main__":
    stage.run(write_book)
