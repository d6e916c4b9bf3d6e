"""Write the book of the five reports, as HTML, from what write_report left: python stages/write_book.py."""

import subprocess
from pathlib import Path

import pandas as pd
import torch

from regen import artifacts, stage
from regen.params.yaml_files import read_yaml
from regen.report.book import Book
from regen.report.results import Results
from regen.training.environment import environment

PROFILES = Path("profiles")


def write_book() -> None:
    """Write reports/index.html, a page for each report, and reports/runs.html."""
    folder = artifacts.REPORT_METRICS.parent
    Book(Results.of(folder), folder, made()).write(artifacts.write_text)


def made() -> dict[str, str]:
    """How the results were made, for the first page."""
    versions = {key: str(value) for key, value in environment(torch.device("cpu")).items()}
    machine = (versions.pop(key) for key in ("processor", "instructions", "threads", "device"))
    return {
        "settings": settings(),
        "code": git("describe", "--always", "--dirty") or "not in a git repository",
        "trained on": trained_on(),
        "this page": ", ".join(machine),
        "versions": ", ".join(f"{key} {value}" for key, value in versions.items()),
    }


def settings() -> str:
    """The profile that params.yaml equals, if it is one."""
    ours = read_yaml(Path("params.yaml"))
    same = [path.stem for path in sorted(PROFILES.glob("*.yaml")) if read_yaml(path) == ours]
    return f"the {same[0]} profile" if same else "params.yaml, which is none of the profiles"


def trained_on() -> str:
    """Machines that trained, and how long all runs took together."""
    if not artifacts.REPORT_TIMINGS.exists():
        return "not recorded"
    timings = pd.read_csv(artifacts.REPORT_TIMINGS)
    machines = ", ".join(timings["processor"].astype(str).unique())
    return f"{machines}; {timings['seconds'].sum() / 60:.0f} minutes of training in {len(timings)} runs"


def git(*args: str) -> str:
    """Output of a git command; empty where it fails."""
    return subprocess.run(["git", *args], capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    stage.run(write_book)
