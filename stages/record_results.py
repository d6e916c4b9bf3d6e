"""Keep the results of the last run under results/NAME: python stages/record_results.py NAME [PART ...].

Not a stage of the pipeline: a run worth keeping is recorded by hand (`make record NAME=...`). With parts,
these alone are kept, and need alone have been run: runs of params.yaml, families such as `depth`, and
classifiers such as `classifier-mnist`.
"""

import json
import re
import shutil
from collections.abc import Collection
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from regen import artifacts, stage
from regen.chapters import WITHOUT_RUNS, read_chapters
from regen.chapters.writing import read_claims, write
from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.params import FAMILIES, Params, read_params
from regen.report.chapter import all_facts
from regen.report.claims import Claims
from regen.report.page import page
from regen.report.results import Results
from regen.training.device import select_device
from regen.training.environment import environment

TAKEN = {
    "noise": "`make noise` keeps its deviations",
    "gpu": "`python -m benchmarks.gpu_day` keeps its table",
}
"""Names of folders of results/ that are no recorded runs."""
NOT_KEPT = ("*.html", artifacts.BOOK_PDF.name, "compare", ".gitignore")


def record_results(
    name: str,
    parts: Annotated[list[str] | None, typer.Argument(help="runs and families to keep; default: all")] = None,
) -> None:
    """Copy params, metrics, verdicts, tables and figures to results/NAME, with versions and machine."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise InputError(f"NAME: {name!r}: should be of lower-case letters, digits, _ and -")
    if name in TAKEN:
        raise InputError(f"NAME: {name!r}: is where {TAKEN[name]}")
    params, folder = read_params(), Path("results") / name
    device = select_device(params.device, params.precision)
    folder.parent.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".", suffix=".part") as scratch:  # beside it, to rename
        made = Path(scratch, name)
        keep_some(made, params, parts) if parts else keep_all(made, params)
        shutil.copy("params.yaml", made)
        made_with = {"date": date.today().isoformat(), **environment(device), "trainings": trainings(made)}
        artifacts.write_text(made / "environment.json", json.dumps(made_with, indent=2) + "\n")
        if folder.exists():
            shutil.rmtree(folder)
        made.rename(folder)


def trainings(folder: Path) -> dict[str, artifacts.Metrics]:
    """How each run that `folder` keeps was trained: it may have been elsewhere, and by other versions."""
    kept = sorted({path.name for path in (folder / "runs").rglob("*") if path.is_dir()})
    files = {name: artifacts.timing_file(name) for name in kept}
    return {name: artifacts.read_metrics(file) for name, file in files.items() if file.exists()}


def keep_all(folder: Path, params: Params) -> None:
    """Put all results into `folder`, with the lock file; InputError where there are none."""
    if not artifacts.REPORT_METRICS.exists():
        raise InputError(f"{artifacts.REPORT_METRICS}: not there; run `make reproduce` first")
    results = Results.of(artifacts.REPORTS)
    shutil.copytree(artifacts.REPORTS, folder, ignore=shutil.ignore_patterns(*NOT_KEPT))
    shutil.copy("dvc.lock", folder)
    text = page(results.claims, params.copies, results.figures(), folder.name)
    artifacts.write_text(folder / artifacts.REPORT_PAGE.name, text)


def keep_some(folder: Path, params: Params, parts: Collection[str]) -> None:
    """Put the results of `parts` into `folder`, judged anew; InputError names what is not there."""
    without_runs = set(parts) & set(WITHOUT_RUNS)
    classifiers = {artifacts.classifier_run(data): data for data in DATASETS}
    data = [classifiers[part] for part in parts if part in classifiers]
    chosen = params.only([part for part in parts if part not in {*without_runs, *classifiers}], data)
    claims = read_claims(params)
    chapters = read_chapters(chosen, claims, without_runs)
    present = {family for family in FAMILIES if getattr(chosen, family)}
    known = all_facts(chapters).keys() - (set(FAMILIES) - present)  # a claim on no run of a family
    judgeable = Claims(tuple(claim for claim in claims.claims if known >= set(claim.names)))
    trained = map(artifacts.classifier_run, chosen.classifier)
    for kind, names in (("runs", {*parts, *trained}), ("figures", {*parts, *present})):
        for file in filter(Path.is_file, (artifacts.REPORTS / kind).rglob("*")):
            path = file.relative_to(artifacts.REPORTS)
            if names & {*path.parent.parts}:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, folder / path)
    write(folder, chosen, judgeable, chapters, folder.name)


if __name__ == "__main__":
    stage.run(record_results)
