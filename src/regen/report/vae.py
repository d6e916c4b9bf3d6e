"""The VAEs in the report: their table, the posteriors side by side, what claims and metrics may ask for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regen.artifacts import metric
from regen.params import Params
from regen.report.claims import Claims, Facts
from regen.report.markdown import markdown, spread
from regen.report.records import Records

HEADINGS = {
    "run": "run",
    "data": "data",
    "epochs": "epochs",
    "seeds": "seeds",
    "valid_negative_elbo": "valid -ELBO",
    "report_valid_negative_elbo": "(report)",
    "test_log_p": "test log p(x)",
    "standard_error": "s.e.",
    "report_test_log_p": "(report)",
    "importance_samples": "K",
    "effective_sample_size": "ESS",
    "test_images": "test images",
    "report_data": "(report's data)",
}
POSTERIOR_HEADINGS = {
    "score": "test images, nats",
    "gaussian": "Gaussian posterior",
    "planar": "planar posterior",
    "difference": "difference",
    "standard_error": "s.e.",
    "pairs": "pairs of seeds",
}
FIGURES = ("learning_curves", "samples", "reconstructions")
METRICS = {
    "training": ("train_negative_elbo", "valid_negative_elbo", "valid_kl"),
    "likelihood": ("log_p", "log_p_standard_error", "elbo", "effective_sample_size"),
}

SECTION = """\
## Variational autoencoders

{table}

Nats an image, means over the seeds (± standard deviation); ESS: effective sample size of the K importance
weights; s.e.: standard error over the test images.{note}

{posteriors}{figures}
"""
POSTERIORS = """\
### {planar}: a planar posterior against {gaussian}'s Gaussian

{table}

The bound is the mean of the K log-weights; the gap is log p(x) - ELBO. Differences are of runs with the same
seed, s.e. the standard error of their mean.

"""


def vae_table(params: Params, records: Records, claims: Claims) -> pd.DataFrame:
    """Return one row a VAE run: bound and likelihood in nats an image, beside the report's figures."""
    rows = []
    for name, run in params.vae.items():
        training, likelihood = records.vae[name]["training"], records.vae[name]["likelihood"]
        claim = claims.find(name, "log_p")
        rows.append(
            {
                "run": name,
                "data": run.data_label,
                "epochs": training["epochs"],
                "seeds": training["seeds"],
                "valid_negative_elbo": training["valid_negative_elbo"],
                "valid_negative_elbo_deviation": training.get("valid_negative_elbo_deviation"),
                "report_valid_negative_elbo": claims.expected(name, "valid_negative_elbo"),
                "test_log_p": likelihood["log_p"],
                "test_log_p_deviation": likelihood.get("log_p_deviation"),
                "standard_error": likelihood["log_p_standard_error"],
                "report_test_log_p": claim and claim.expected,
                "importance_samples": likelihood["importance_samples"],
                "effective_sample_size": likelihood["effective_sample_size"],
                "test_images": likelihood["images"],
                "report_data": claim and claim.given.get("data"),
            }
        )
    return pd.DataFrame(rows)


def vae_markdown(table: pd.DataFrame) -> str:
    """Return the VAE table for readers."""
    shown = table.copy()
    for name in ("valid_negative_elbo", "test_log_p"):
        pairs = zip(table[name], table[f"{name}_deviation"], strict=True)
        shown[name] = [spread(mean, deviation, 2) for mean, deviation in pairs]
    return markdown(shown, HEADINGS)


def twins(params: Params) -> list[tuple[str, str]]:
    """Return the pairs of runs that differ in planar maps after the Gaussian alone: without, with."""
    changes = {"planar_layers": 0, "seeds": None}
    return [
        (plain, name)
        for name, run in params.vae.items()
        for plain, other in params.vae.items()
        if run.planar_layers > 0 == other.planar_layers
        and run.model_copy(update=changes) == other.model_copy(update=changes)
    ]


def posterior_table(gaussian: pd.DataFrame, planar: pd.DataFrame) -> pd.DataFrame:
    """Return ELBO, log p and their gap of two runs, paired by seed: difference and standard error.

    Both tables have a row a seed, with log_p and elbo.
    """
    rows = []
    plain, mapped = (  # a word, 'not finite', is no number: that seed makes no pair
        table.set_index("seed")
        .apply(pd.to_numeric, errors="coerce")
        .assign(gap=lambda scores: scores.log_p - scores.elbo)
        for table in (gaussian, planar)
    )
    for score, name in (("elbo", "ELBO"), ("log_p", "log p(x)"), ("gap", "gap")):
        difference = (mapped[score] - plain[score]).dropna()
        rows.append(
            {
                "score": name,
                "gaussian": metric(float(plain[score].mean(skipna=False))),
                "planar": metric(float(mapped[score].mean(skipna=False))),
                "difference": difference.mean(),
                "standard_error": difference.sem(),
                "pairs": len(difference),
            }
        )
    return pd.DataFrame(rows)


def posterior_markdown(table: pd.DataFrame) -> str:
    """Return the table of two posteriors for readers."""
    return markdown(table, POSTERIOR_HEADINGS)


def vae_section(params: Params, table: pd.DataFrame, posteriors: dict[tuple[str, str], pd.DataFrame]) -> str:
    """Return the VAEs' part of the page."""
    compared = [
        POSTERIORS.format(gaussian=plain, planar=planar, table=posterior_markdown(each))
        for (plain, planar), each in posteriors.items()
    ]
    images = [
        f"### {run}\n\n" + "\n".join(f"![{run}: {name}](figures/{run}/{name}.png)" for name in FIGURES)
        for run in params.vae
    ]
    return SECTION.format(
        table=vae_markdown(table),
        note=_note(table),
        posteriors="".join(compared),
        figures="\n\n".join(images),
    )


def _note(table: pd.DataFrame) -> str:
    other = [
        f"`{row['run']}` on {row['data']} (the report: {row['report_data']})"
        for _, row in table.iterrows()
        if isinstance(row["report_data"], str) and row["report_data"] != row["data"]
    ]
    if not other:
        return ""
    return f"\n**Not the report's data:** {'; '.join(other)}. Don't compare those figures with its."


def vae_facts(params: Params, records: Records) -> dict[str, Facts]:
    """Return what claims may ask for of each VAE."""
    facts = {}
    for name, run in params.vae.items():
        training, likelihood = records.vae[name]["training"], records.vae[name]["likelihood"]
        settings = {
            "data": run.data_label,
            "epochs": training["epochs"],
            "importance_samples": likelihood["importance_samples"],
        }
        curve = records.histories[name].groupby("epoch")["valid_negative_elbo"].mean().tolist()
        facts[name] = Facts(settings, {**training, **likelihood, "valid_negative_elbo_curve": curve})
    return facts


def vae_metrics(params: Params, records: Records) -> dict[str, Any]:
    """Return what `dvc metrics` follows of each VAE."""
    return {
        name: {key: records.vae[name][kind][key] for kind, keys in METRICS.items() for key in keys}
        for name in params.vae
    }
