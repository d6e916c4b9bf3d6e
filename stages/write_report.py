"""Write tables, metrics and the page from what the other stages left: python stages/write_report.py."""

from pathlib import Path

import pandas as pd

from regen import artifacts, stage
from regen.params import read_params
from regen.report import dirac, flow, gan, posteriors, scores, theory, trends, vae
from regen.report.claims import judge, read_claims
from regen.report.page import claims_markdown, page
from regen.report.records import Records


def write_report() -> None:
    """Write reports/README.md, reports/tables/ and reports/metrics.json."""
    params = read_params()
    records = Records.read(params)
    claims = read_claims(Path("claims.yaml"))

    vaes = vae.vae_table(params, records, claims)
    codes = vae.codes_table(params, records)
    pairs = {
        pair: posteriors.posterior_table(*(records.seeds[run] for run in pair))
        for pair in posteriors.twins(params)
    }
    games = dirac.dirac_table(records.dirac, claims)
    planar = flow.planar_table(records.flow, claims)
    realnvp = flow.realnvp_table(params, records, claims)
    gans = gan.gan_table(params, records, claims)
    told = trends.trends_table(params, records)
    scored = scores.scores_table(params, records)
    facts = (
        vae.vae_facts(params, records)
        | flow.flow_facts(params, records, planar)
        | gan.gan_facts(params, records, told)
        | theory.theory_facts(records)
    )
    facts = scores.with_scores(facts, params, records)
    judged = judge(claims, facts, params.copied_runs)

    write_table("vae", vaes, vae.vae_markdown(vaes))
    write_table("codes", codes, vae.codes_markdown(codes))
    for (_, run), table in pairs.items():
        write_table(f"posterior_{run}", table, posteriors.posterior_markdown(table))
    write_table("dirac", games, dirac.dirac_markdown(games))
    both = "\n\n".join(flow.planar_markdown(planar, source) for source in ("samples", "density"))
    write_table("planar", planar, both)
    write_table("maps", records.maps, flow.maps_markdown(records.maps))
    write_table("realnvp", realnvp, flow.realnvp_markdown(realnvp))
    write_table("gan", gans, gan.gan_markdown(gans))
    write_table("trends", told, trends.trends_markdown(told))
    write_table("scores", scored, scores.scores_markdown(scored))
    write_table("claims", judged, claims_markdown(judged))
    metrics = {
        **vae.vae_metrics(params, records),
        **flow.flow_metrics(params, records, planar),
        **gan.gan_metrics(params, records),
        "theory": theory.theory_metrics(records),
        "dirac": dirac.dirac_metrics(records.dirac),
    }
    for run, found in scores.score_metrics(records).items():
        metrics[run] = {**metrics[run], **found}
    artifacts.write_metrics(artifacts.REPORT_METRICS, metrics)
    paired = "".join(posteriors.posterior_section(pair, table) for pair, table in pairs.items())
    sections = [
        vae.vae_section(params, records, vaes, codes, paired),
        flow.flow_section(params, records, planar, realnvp),
        gan.gan_section(params, records, gans, told),
        scores.scores_section(scored),
        theory.theory_section(records),
        dirac.dirac_section(params, games),
    ]
    artifacts.write_text(artifacts.REPORT_PAGE, page(params.seed, params.copies, sections, judged))


def write_table(name: str, table: pd.DataFrame, markdown: str) -> None:
    """Write a table as CSV, and beside it as Markdown."""
    artifacts.write_csv(artifacts.table_file(name), table)
    artifacts.write_text(artifacts.table_file(name).with_suffix(".md"), markdown + "\n")


if __name__ == "__main__":
    stage.run(write_report)
