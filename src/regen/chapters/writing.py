"""The report as files: tables, metrics, verdicts and the page for code hosts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from regen import artifacts
from regen.chapters.runs import runs_of
from regen.params import COPY, FAMILIES, Params, read_params
from regen.params.profiles import PROFILES
from regen.params.yaml_files import read_yaml
from regen.report import ledger
from regen.report.chapter import Chapter, all_facts, all_metrics, directions
from regen.report.claims import Claims, as_claims
from regen.report.judge import judge
from regen.report.page import page
from regen.report.results import Results

CLAIMS = Path("claims.yaml")


def read_claims(params: Params) -> Claims:
    """All claims; InputError names one that does not fit, or is on a run that no settings have."""
    claims = as_claims(read_yaml(CLAIMS), CLAIMS)
    profiles = [read_params(path) for path in sorted(PROFILES.glob("*.yaml"))]
    claims.check_runs(set().union(*map(runs_of, [params, *profiles])), CLAIMS)
    return claims


def write(folder: Path, params: Params, claims: Claims, chapters: Sequence[Chapter], name: str = "") -> None:
    """Publish in `folder` what `chapters` have to say, and the verdicts on `claims`.

    `name` is that of a run that is recorded.
    """
    copied = params.copied_runs
    # a family's name is that of what its runs tell together
    families = [family for family in FAMILIES if copied.intersection(getattr(params, family))]
    marks = dict.fromkeys([*copied, *families], COPY)
    judged = judge(claims, all_facts(chapters), directions(chapters), marks)
    verdicts = ledger.claims_table(ledger.table(judged))
    tables = [*(table for chapter in chapters for table in chapter.tables), verdicts]
    for table in tables:
        if name and table.data.empty:
            continue  # of a family that is not recorded
        table.write(folder / "tables" / f"{table.name}.csv")
    artifacts.write_metrics(folder / artifacts.REPORT_METRICS.name, all_metrics(chapters))
    entries = ledger.entries(judged)
    artifacts.write_json(folder / artifacts.REPORT_CLAIMS.name, entries)
    figures = Results(folder, Path("params.yaml")).figures()
    artifacts.write_text(folder / artifacts.REPORT_PAGE.name, page(entries, params.copies, figures, name))
