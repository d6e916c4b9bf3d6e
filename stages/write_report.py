"""Write tables, metrics and the page from what the other stages left: python stages/write_report.py."""

from pathlib import Path

from regen import artifacts, stage
from regen.params import read_params
from regen.report.claims import read_claims
from regen.report.page import dirac_markdown, page, vae_markdown
from regen.report.tables import dirac_table, metrics, vae_table


def write_report() -> None:
    """Write reports/README.md, reports/tables/ and reports/metrics.json."""
    params = read_params()
    claims = read_claims(Path("claims.yaml"))
    kinds = ("training", "likelihood")
    records = {
        run: {kind: artifacts.read_metrics(artifacts.scores_file(run, kind)) for kind in kinds}
        for run in params.vae
    }
    verdicts = artifacts.read_csv(artifacts.verdicts_file())

    vae, dirac = vae_table(params, records, claims), dirac_table(verdicts, claims)
    for name, table, text in (("vae", vae, vae_markdown(vae)), ("dirac", dirac, dirac_markdown(dirac))):
        artifacts.write_csv(artifacts.table_file(name), table)
        artifacts.write_text(artifacts.table_file(name).with_suffix(".md"), text + "\n")
    artifacts.write_metrics(artifacts.REPORT_METRICS, metrics(params, records, verdicts))
    artifacts.write_text(artifacts.REPORT_PAGE, page(params, vae, dirac))


if __name__ == "__main__":
    stage.run(write_report)
