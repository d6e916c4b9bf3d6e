"""Keep the results of the last run under results/NAME: python stages/record_results.py NAME.

Not a stage of the pipeline: a run worth keeping is recorded by hand (`make record NAME=...`).
"""

import json
import re
import shutil
from datetime import date
from pathlib import Path

from regen import artifacts, stage
from regen.errors import InputError
from regen.params import read_params
from regen.report.page import page
from regen.report.results import Results
from regen.training.device import select_device
from regen.training.environment import environment

TAKEN = {
    "noise": "`make noise` keeps its deviations",
    "gpu": "`python -m benchmarks.gpu_day` keeps its table",
}
"""Names of folders of results/ that are no recorded runs."""


def record_results(name: str) -> None:
    """Copy params, lock file, metrics, tables and figures to results/NAME, with versions and machine."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise InputError(f"NAME: {name!r}: should be of lower-case letters, digits, _ and -")
    if not artifacts.REPORT_METRICS.exists():
        raise InputError(f"{artifacts.REPORT_METRICS}: not there; run `make reproduce` first")
    if name in TAKEN:
        raise InputError(f"NAME: {name!r}: is where {TAKEN[name]}")
    params, results = read_params(), Results.of(artifacts.REPORTS)
    entries, figures = results.claims, results.figures()
    device = select_device(params.device, params.precision)
    made_with = {"date": date.today().isoformat(), **environment(device)}
    folder = Path("results") / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        artifacts.REPORTS,
        folder,
        ignore=shutil.ignore_patterns("*.html", artifacts.BOOK_PDF.name, "compare", ".gitignore"),
    )
    for file in ("params.yaml", "dvc.lock"):
        shutil.copy(file, folder)
    artifacts.write_text(folder / "README.md", page(entries, params.copies, figures, name))
    artifacts.write_text(folder / "environment.json", json.dumps(made_with, indent=2) + "\n")


if __name__ == "__main__":
    stage.run(record_results)
