"""Write tables, metrics and the page from what the other stages left: python stages/write_report.py."""

from pathlib import Path

from regen import artifacts, stage
from regen.params import read_params
from regen.report.claims import read_claims
from regen.report.page import claims_markdown, dirac_markdown, page, vae_markdown
from regen.report.tables import claims_table, dirac_table, metrics, vae_table


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

    curves = {
        run: artifacts.read_csv(artifacts.history_file(run))["valid_negative_elbo"].tolist()
        for run in params.vae
    }

    vae, dirac = vae_table(params, records, claims), dirac_table(verdicts, claims)
    compared = claims_table(params, vae, curves, claims)
    for name, table, to_markdown in (
        ("vae", vae, vae_markdown),
        ("claims", compared, claims_markdown),
        ("dirac", dirac, dirac_markdown),
    ):
        artifacts.write_csv(artifacts.table_file(name), table)
        artifacts.write_text(artifacts.table_file(name).with_suffix(".md"), to_markdown(table) + "\n")
    artifacts.write_metrics(artifacts.REPORT_METRICS, metrics(params, records, verdicts))
    artifacts.write_text(artifacts.REPORT_PAGE, page(params, vae, compared, dirac))


if __name__ == "__main__":
    stage.run(write_report)
