"""Print what changed since a revision, as Markdown: python stages/write_diff.py main."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from regen import artifacts, stage
from regen.chapters.directions import metric_directions
from regen.chapters.runs import runs_of
from regen.errors import InputError, RunError
from regen.params import read_params
from regen.params.profiles import profile_of
from regen.params.yaml_files import parse_yaml
from regen.report.changes import Changes, Spread, State, flat
from regen.report.difference import as_html, as_markdown, sections
from regen.report.gate import Accepted, Gate, as_accepted
from regen.report.results import Results
from regen.report.revision import Revision, figures_here

ACCEPTED = Path("accepted.yaml")
NOISE = Path("results/noise")
"""What each metric is over other seeds, of each profile of which that was measured, from `make noise`."""
QUICK = "quick"
"""The profile whose seeds tell of settings that are no profile's, where its metrics are near theirs."""


class FailOn(StrEnum):
    """What ends the command with exit code 1."""

    WORSE = "worse"


def write_diff(
    base: Annotated[str, typer.Argument(help="a branch, tag, commit or experiment")],
    fail_on: Annotated[
        FailOn | None, typer.Option(help="fail where a metric got much worse or a verdict was lost")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="write a page with the figures side by side")] = None,
) -> None:
    """Print, as Markdown, what changed between the revision BASE and the workspace."""
    revision, params = Revision.of(base), read_params()
    old, new = state_of(revision), state_here()
    accepted = read_accepted(old, new)
    changes = Changes.between(
        old,
        new,
        runs_of(params),
        read_noise(profile_of(old.params) or QUICK),
        metric_directions(Results(artifacts.REPORTS, Path("params.yaml"))),
    )
    gate = Gate.of(changes, accepted) if fail_on else None
    found = sections(base, changes, gate)
    print(as_markdown(base, found), end="")
    if html:
        figures = (*changes.figures.changed, *changes.figures.new, *changes.figures.removed)
        artifacts.write_text(html, as_html(base, found, figures, (revision.read, read_here)))
    if gate and gate.refused:
        told = "; ".join(f"{failure.name}: {failure.told}" for failure in gate.refused)
        raise RunError(f"worse than {base}: {told}; accepted.yaml has no line for it")


def state_of(revision: Revision) -> State:
    """What the base shows."""
    lock = _yaml(revision.read("dvc.lock"), Path(f"{revision.name}:dvc.lock"))
    return State(
        params=_yaml(revision.read("params.yaml"), Path(f"{revision.name}:params.yaml")),
        metrics=_json(revision.read(str(artifacts.REPORT_METRICS)), revision.name),
        claims=_json(revision.read(str(artifacts.REPORT_CLAIMS)), revision.name),
        figures=revision.figures(lock),
    )


def state_here() -> State:
    """What the workspace shows; InputError where nothing was run in it."""
    return State(
        params=_yaml(read_here("params.yaml"), Path("params.yaml")),
        metrics=artifacts.read_metrics(artifacts.REPORT_METRICS),
        claims=artifacts.read_metrics(artifacts.REPORT_CLAIMS),
        figures=figures_here(_yaml(read_here("dvc.lock"), Path("dvc.lock"))),
    )


def read_here(path: str) -> bytes | None:
    """Content of a file of the workspace; None if there is none."""
    file = Path(path)
    return file.read_bytes() if file.is_file() else None


def read_noise(profile: str) -> dict[str, Spread]:
    """What each metric of a profile is over seeds, by dotted name; nothing where it was never measured."""
    file = NOISE / f"{profile}.csv"
    if not file.exists():
        return {}
    table = artifacts.read_csv(file)
    spreads = map(Spread, table["mean"], table["deviation"])
    return dict(zip(table["metric"], spreads, strict=True))


def read_accepted(old: State, new: State) -> list[Accepted]:
    """Lines of accepted.yaml; InputError names one that does not fit."""
    metrics = {*flat(old.metrics or {}), *flat(new.metrics or {})}
    claims = {*(old.claims or {}), *(new.claims or {})}
    content = _yaml(read_here(str(ACCEPTED)), ACCEPTED, empty=[])
    return as_accepted(content, ACCEPTED, {"metric": metrics, "claim": claims})


def _yaml(content: bytes | None, path: Path, empty: Any = None) -> Any:
    found = None if content is None else parse_yaml(content, path)
    return ({} if empty is None else empty) if found is None else found


def _json(content: bytes | None, name: str) -> Any:
    try:
        return None if content is None else json.loads(content)
    except ValueError as error:
        raise InputError(f"BASE: {name!r}: its metrics or claims are not JSON: {error}") from None


if __name__ == "__main__":
    stage.run(write_diff)
