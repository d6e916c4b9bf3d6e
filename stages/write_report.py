"""Write tables, metrics and the page from what the other stages left: python stages/write_report.py."""

from regen import artifacts, stage
from regen.chapters import read_chapters
from regen.chapters.writing import read_claims, write
from regen.params import read_params
from regen.report.chapter import timings


def write_report() -> None:
    """Write reports/README.md, reports/tables/, reports/metrics.json, reports/claims.json and timings."""
    params = read_params()
    claims = read_claims(params)
    chapters = read_chapters(params, claims)
    timings(chapters).write(artifacts.REPORT_TIMINGS)
    write(artifacts.REPORTS, params, claims, chapters)


if __name__ == "__main__":
    stage.run(write_report)
