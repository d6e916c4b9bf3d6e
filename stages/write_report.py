"""Write tables, metrics and the page from what the other stages left: python stages/write_report.py."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from regen import artifacts, stage
from regen.chapters import dirac, flow, gan, posteriors, scores, theory, trends, vae
from regen.params import Params, read_params
from regen.report.claims import Claims, Facts, judge, read_claims
from regen.report.markdown import markdown
from regen.report.page import claims_markdown, page
from regen.report.records import Records

Tables = dict[str, pd.DataFrame]
MARKDOWN: Mapping[str, Callable[[pd.DataFrame], str]] = {
    "vae": vae.vae_markdown,
    "codes": vae.codes_markdown,
    "dirac": dirac.dirac_markdown,
    "planar": flow.planar_tables_markdown,
    "maps": flow.maps_markdown,
    "realnvp": flow.realnvp_markdown,
    "gan": gan.gan_markdown,
    "trends": trends.trends_markdown,
    "scores": scores.scores_markdown,
    "claims": claims_markdown,
}
"""How each table reads."""


def write_report() -> None:
    """Write reports/README.md, reports/tables/, reports/metrics.json and reports/timings."""
    params = read_params()
    records = Records.read(params)
    claims = read_claims(Path("claims.yaml"))
    made = tables(params, records, claims)
    made["claims"] = judge(claims, facts(params, records, made), params.copied_runs)
    pairs = {
        pair: posteriors.posterior_table(*(records.seeds[run] for run in pair))
        for pair in posteriors.twins(params)
    }

    for name, table in made.items():
        write_table(name, table, MARKDOWN[name](table))
    for (_, run), table in pairs.items():
        write_table(f"posterior_{run}", table, posteriors.posterior_markdown(table))
    artifacts.write_metrics(artifacts.REPORT_METRICS, metrics(params, records, made))
    paired = "".join(posteriors.posterior_section(pair, table) for pair, table in pairs.items())
    write_timings(timings(params))
    text = page(params.seed, params.copies, sections(params, records, made, paired), made["claims"])
    artifacts.write_text(artifacts.REPORT_PAGE, text)


def tables(params: Params, records: Records, claims: Claims) -> Tables:
    """Return the tables of the runs, by name."""
    return {
        "vae": vae.vae_table(params, records, claims),
        "codes": vae.codes_table(params, records),
        "dirac": dirac.dirac_table(records.dirac, claims),
        "planar": flow.planar_table(records.flow, claims),
        "maps": records.maps,
        "realnvp": flow.realnvp_table(params, records, claims),
        "gan": gan.gan_table(params, records, claims),
        "trends": trends.trends_table(params, records),
        "scores": scores.scores_table(params, records),
    }


def facts(params: Params, records: Records, made: Tables) -> Mapping[str, Facts]:
    """Return what claims may ask for of each run."""
    found = (
        vae.vae_facts(params, records)
        | flow.flow_facts(params, records, made["planar"])
        | gan.gan_facts(params, records, made["trends"])
        | theory.theory_facts(records)
    )
    return scores.with_scores(found, params, records)


def metrics(params: Params, records: Records, made: Tables) -> dict[str, Any]:
    """Return what `dvc metrics` follows."""
    found = {
        **vae.vae_metrics(params, records),
        **flow.flow_metrics(params, records, made["planar"]),
        **gan.gan_metrics(params, records),
        "theory": theory.theory_metrics(records),
        "dirac": dirac.dirac_metrics(records.dirac),
    }
    for run, scored in scores.score_metrics(records).items():
        found[run] = {**found[run], **scored}
    return found


def sections(params: Params, records: Records, made: Tables, paired: str) -> list[str]:
    """Return the page's parts; `paired` compares posteriors."""
    return [
        vae.vae_section(params, records, made["vae"], made["codes"], paired),
        flow.flow_section(params, records, made["planar"], made["realnvp"]),
        gan.gan_section(params, records, made["gan"], made["trends"]),
        scores.scores_section(made["scores"]),
        theory.theory_section(records),
        dirac.dirac_section(params, made["dirac"]),
    ]


def timings(params: Params) -> pd.DataFrame:
    """Return how long each training took, and on what."""
    runs = [*params.vae, *params.realnvp, *params.gan, *(f"classifier-{data}" for data in params.classifier)]
    return pd.DataFrame([{"run": run, **artifacts.read_metrics(artifacts.timing_file(run))} for run in runs])


def write_timings(table: pd.DataFrame) -> None:
    """Write `timings` as CSV, and beside it as Markdown."""
    artifacts.write_csv(artifacts.REPORT_TIMINGS, table)
    text = markdown(table, {name: name.replace("_", " ") for name in map(str, table)})
    artifacts.write_text(artifacts.REPORT_TIMINGS.with_suffix(".md"), f"# How long it took\n\n{text}\n")


def write_table(name: str, table: pd.DataFrame, markdown: str) -> None:
    """Write a table as CSV, and beside it as Markdown."""
    artifacts.write_csv(artifacts.table_file(name), table)
    artifacts.write_text(artifacts.table_file(name).with_suffix(".md"), markdown + "\n")


if __name__ == "__main__":
    stage.run(write_report)
