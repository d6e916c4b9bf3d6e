"""Write tables, metrics and the page from what the other stages left: python stages/write_report.py."""

from pathlib import Path

from regen import artifacts, stage
from regen.chapters import read_chapters
from regen.chapters.runs import runs_of
from regen.params import COPY, Params, read_params
from regen.params.yaml_files import read_yaml
from regen.report import ledger
from regen.report.chapter import all_facts, all_metrics, directions, timings
from regen.report.claims import Claims, as_claims
from regen.report.judge import judge
from regen.report.page import page
from regen.report.results import Results

CLAIMS = Path("claims.yaml")
PROFILES = Path("profiles")


def write_report() -> None:
    """Write reports/README.md, reports/tables/, reports/metrics.json, reports/claims.json and timings."""
    params = read_params()
    claims = read_claims(params)
    chapters = read_chapters(params, claims)
    marks = dict.fromkeys(params.copied_runs, COPY)
    judged = judge(claims, all_facts(chapters), directions(chapters), marks)
    verdicts = ledger.claims_table(ledger.table(judged))
    tables = [*(table for chapter in chapters for table in chapter.tables), verdicts]
    timings(chapters).write(artifacts.REPORT_TIMINGS)
    for table in tables:
        table.write(artifacts.table_file(table.name))
    artifacts.write_metrics(artifacts.REPORT_METRICS, all_metrics(chapters))
    entries = ledger.entries(judged)
    artifacts.write_json(artifacts.REPORT_CLAIMS, entries)
    figures = Results(artifacts.REPORTS, Path("params.yaml")).figures()
    artifacts.write_text(artifacts.REPORT_PAGE, page(entries, params.copies, figures))


def read_claims(params: Params) -> Claims:
    """All claims; InputError names one that does not fit, or is on a run that no settings have."""
    claims = as_claims(read_yaml(CLAIMS), CLAIMS)
    profiles = [read_params(path) for path in sorted(PROFILES.glob("*.yaml"))]
    claims.check_runs(set().union(*map(runs_of, [params, *profiles])), CLAIMS)
    return claims


if __name__ == "__main__":
    stage.run(write_report)
