"""Keep the results of the last run under results/NAME: python stages/record_results.py NAME [PART ...].

Not a stage of the pipeline: a run worth keeping is recorded by hand (`make record NAME=...`). With parts,
these alone are kept, and need alone have been run: runs of params.yaml, families such as `depth`, and
classifiers such as `classifier-mnist`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from dvc.stage import Stage

TAKEN = {
    "noise": "`make noise` keeps its deviations",
    "gpu": "`python -m benchmarks.gpu_day` keeps its table",
}
"""Names of folders of results/ that are no recorded runs."""


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
            folder.rename(Path(scratch, "before"))
        made.rename(folder)


def trainings(folder: Path) -> dict[str, artifacts.Metrics]:
    """How each run that `folder` keeps was trained: it may have been elsewhere, and by other versions."""
    kept = sorted({path.name for path in (folder / "runs").rglob("*") if path.is_dir()})
    files = {name: artifacts.timing_file(name) for name in kept}
    return {name: artifacts.read_metrics(file) for name, file in files.items() if file.exists()}


def keep_all(folder: Path, params: Params) -> None:
    """Put all that the pipeline keeps in git into `folder`, with the lock file.

    Raises:
        InputError: there are no results, or not those of the settings, code and data as they are.
    """
    from regen.pipeline.graph import locked_graph  # takes a second to import

    if not artifacts.REPORT_METRICS.exists():
        raise InputError(f"{artifacts.REPORT_METRICS}: not there; run `make reproduce` first")
    with locked_graph() as graph:
        stages = graph.selected(["write_report"])
        check(stages)
        copy(outputs(stages), folder)
    shutil.copy("dvc.lock", folder)
    results = Results.of(folder)
    text = page(results.claims, params.copies, results.figures(), folder.name)
    artifacts.write_text(folder / artifacts.REPORT_PAGE.name, text)


def keep_some(folder: Path, params: Params, parts: Collection[str]) -> None:
    """Put the results of `parts` into `folder`, judged anew, and what their families show of all their runs.

    Raises:
        InputError: one of them is not there, or not of the settings, code and data as they are.
    """
    from regen.pipeline.graph import locked_graph

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
    with locked_graph() as graph:
        found = outputs(graph.selected(["write_report"]))
        names = {*parts, *trained}
        own = {path: stage for path, stage in found.items() if names & {*path.parts}}
        check(graph.selected([stage.addressing for stage in own.values()]))
        folders = [artifacts.figures_dir(family) for family in present]
        shared = [path for path in found if any(map(path.is_relative_to, folders))]
        fresh = [path for path in shared if not stale(graph.selected([found[path].addressing]))]
        copy({*own, *fresh}, folder)
    write(folder, chosen, judgeable, chapters, folder.name)


def outputs(stages: Collection[Stage]) -> dict[Path, Stage]:
    """What `stages` keep in git, each with its stage; what another profile's runs left is not among it."""
    return {Path(out.def_path): stage for stage in stages for out in stage.outs if not out.use_cache}


def stale(stages: Collection[Stage]) -> list[str]:
    """Names of the stages that would run again, but for the check of params.yaml, which all wait for."""
    from regen.pipeline.graph import is_stale

    return [each.addressing for each in stages if each.addressing != "check_params" and is_stale(each)]


def check(stages: Collection[Stage]) -> None:
    """Raise InputError where one of the stages would run again."""
    if again := stale(stages):
        more = f" and {len(again) - 1} more" if len(again) > 1 else ""
        raise InputError(
            f"reports/: not of params.yaml, code and data as they are: {again[0]}{more} would run again "
            "(regen status); run `make reproduce` first"
        )


def copy(paths: Collection[Path], folder: Path) -> None:
    """Copy files and folders of reports/ to the same places in `folder`."""
    for path in paths:
        kept = folder / path.relative_to(artifacts.REPORTS)
        kept.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if path.is_dir() else shutil.copy)(path, kept)


if __name__ == "__main__":
    stage.run(record_results)
