"""Write tables, metrics and the page from what the other stages left: python stages/write_report.py."""

from pathlib import Path

from regen import artifacts, stage
from regen.chapters import read_chapters
from regen.params import COPY, read_params
from regen.params.yaml_files import read_yaml
from regen.report.chapter import all_facts, all_metrics, directions, timings
from regen.report.claims import as_claims, judge
from regen.report.page import claims_table, page

CLAIMS = Path("claims.yaml")


def write_report() -> None:
    """Write reports/README.md, reports/tables/, reports/metrics.json and reports/timings."""
    params, claims = read_params(), as_claims(read_yaml(CLAIMS), CLAIMS)
    chapters = read_chapters(params, claims)
    marks = dict.fromkeys(params.copied_runs, COPY)
    verdicts = claims_table(judge(claims, all_facts(chapters), directions(chapters), marks))
    tables = [*(table for chapter in chapters for table in chapter.tables), verdicts]
    timings(chapters).write(artifacts.REPORT_TIMINGS)
    for table in tables:
        table.write(artifacts.table_file(table.name))
    artifacts.write_metrics(artifacts.REPORT_METRICS, all_metrics(chapters))
    artifacts.write_text(artifacts.REPORT_PAGE, page(params.seed, params.copies, chapters, verdicts))


if __name__ == "__main__":
    stage.run(write_report)
