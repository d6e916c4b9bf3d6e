"""The VAEs in the report: their tables, their figures, what claims and metrics may ask for."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regen.chapters import curves
from regen.data.catalog import DATASETS
from regen.params import COPY, Params
from regen.report.claims import NOT_SCORED, Claims, Facts
from regen.report.markdown import markdown, spread
from regen.report.records import Records

HEADINGS = {
    "run": "run",
    "data": "data",
    "epochs": "epochs",
    "seeds": "seeds",
    "valid_negative_elbo": "valid -ELBO",
    "report_valid_negative_elbo": "(report)",
    "test_negative_elbo": "test -ELBO",
    "test_log_p": "test log p(x)",
    "standard_error": "s.e.",
    "report_test_log_p": "(report)",
    "importance_samples": "K",
    "effective_sample_size": "ESS",
    "test_images": "test images",
    "report_data": "(report's data)",
}
CODE_HEADINGS = {
    "run": "run",
    "parameters": "parameters",
    "latent": "dimensions of z",
    "active_units": "active",
    "collapsed": "collapsed",
    "reconstruction": "reconstruction error, nats",
    "kl": "KL, nats",
    "squared_error": "squared error a pixel",
    "misread": "misread",
    "largest_step": "largest step",
    "gap": "log p - ELBO, nats",
    "gap_standard_error": "s.e.",
}
FIGURES = ("learning_curves", "samples", "reconstructions", "manifold", "codes", "interpolation")
METRICS = {
    "training": ("train_negative_elbo", "valid_negative_elbo", "valid_kl"),
    "likelihood": (
        "test_negative_elbo",
        "active_units",
        "collapsed",
        "largest_step",
        "log_p",
        "log_p_standard_error",
        "elbo",
        "effective_sample_size",
    ),
}
PLATEAU_EPOCH, PROGRESS_EPOCH = 30, 10
"""After which the reports' validation loss is flat, and their samples show digits."""

SECTION = """\
## Variational autoencoders

{table}

Nats an image, means over the seeds (± standard deviation); ESS: effective sample size of the K importance
weights; s.e.: standard error over the test images.{note}

What the codes of the test images tell: a dimension of z is active where its code varies over the images
(variance above 0.01), and the posterior has collapsed where not one is. The squared error is that of the
reconstruction from the posterior's centre, of intensities between 0 and 1; misread is the share of the images
whose reconstruction the data's classifier takes for another class than the image. The largest step is that of
10 points on the line from the code of a 2 to that of an 8: the largest distance between neighbouring images
over the mean one (1: even, 9: one jump), the median of the first 100 pairs. The ELBO must not exceed
log p(x): the two are estimated from independent samples, and hold so {bound}.

{codes}

{posteriors}{figures}
"""


def vae_table(params: Params, records: Records, claims: Claims) -> pd.DataFrame:
    """Return one row a VAE run: bound and likelihood in nats an image, beside the report's figures."""
    rows = []
    for name, run in params.vae.items():
        training, likelihood = records.vae[name]["training"], records.vae[name]["likelihood"]
        rows.append(
            {
                "run": name,
                "data": params.data_label(run),
                "epochs": training["epochs"],
                "seeds": training["seeds"],
                "valid_negative_elbo": training["valid_negative_elbo"],
                "valid_negative_elbo_deviation": training.get("valid_negative_elbo_deviation"),
                "report_valid_negative_elbo": claims.expected(name, "valid_negative_elbo"),
                "test_negative_elbo": likelihood["test_negative_elbo"],
                "test_log_p": likelihood.get("log_p"),
                "test_log_p_deviation": likelihood.get("log_p_deviation"),
                "standard_error": likelihood.get("log_p_standard_error"),
                "report_test_log_p": claims.expected(name, "log_p"),
                "importance_samples": likelihood.get("importance_samples"),
                "effective_sample_size": likelihood.get("effective_sample_size"),
                "test_images": likelihood["images"],
                "report_data": claims.data(name),
            }
        )
    return pd.DataFrame(rows)


def vae_markdown(table: pd.DataFrame) -> str:
    """Return the VAE table for readers."""
    shown = table.copy()
    shown["test_negative_elbo"] = [spread(value, None, 2) for value in table["test_negative_elbo"]]
    for name in ("valid_negative_elbo", "test_log_p"):
        pairs = zip(table[name], table[f"{name}_deviation"], strict=True)
        shown[name] = [spread(mean, deviation, 2) for mean, deviation in pairs]
    return markdown(shown, HEADINGS)


def codes_table(params: Params, records: Records) -> pd.DataFrame:
    """Return one row a VAE run: how much of z it uses, how well it reconstructs, how tight its bound is."""
    rows = []
    for name, run in params.vae.items():
        training, scores = records.vae[name]["training"], records.vae[name]["likelihood"]
        rows.append(
            {
                "run": name,
                "parameters": training["parameters"],
                "latent": run.latent,
                "active_units": scores["active_units"],
                "collapsed": scores["collapsed"],
                "reconstruction": scores["test_reconstruction"],
                "kl": scores["test_kl"],
                "squared_error": scores["squared_error"],
                "misread": records.fidelity.get(name, {}).get("misread"),
                "largest_step": scores.get("largest_step"),
                "gap": scores.get("gap"),
                "gap_standard_error": scores.get("gap_standard_error"),
            }
        )
    return pd.DataFrame(rows)


def codes_markdown(table: pd.DataFrame) -> str:
    """Return the table of codes and reconstructions for readers."""
    return markdown(table, CODE_HEADINGS)


def bound_holds(records: Records) -> str:
    """Return on which runs the ELBO is at most log p(x), to within two standard errors."""
    scored = {run: kinds["likelihood"] for run, kinds in records.vae.items() if "gap" in kinds["likelihood"]}
    broken = [
        run
        for run, scores in scored.items()
        if isinstance(scores["gap"], str) or scores["gap"] < -2 * float(scores["gap_standard_error"])
    ]
    if not scored:
        return "on no run: none has a log p(x)"
    return f"not on {', '.join(broken)}" if broken else "on every run"


def vae_section(
    params: Params, records: Records, table: pd.DataFrame, codes: pd.DataFrame, posteriors: str
) -> str:
    """Return the VAEs' part of the page; `posteriors` is that on pairs of them."""
    images = [
        f"### {run}\n\n"
        + "\n".join(
            f"![{run}: {name}](figures/{run}/{name}.png)" for name in FIGURES if name in records.figures[run]
        )
        for run in params.vae
    ]
    return SECTION.format(
        table=vae_markdown(table),
        note="".join(_notes(params, table)),
        codes=codes_markdown(codes),
        bound=bound_holds(records),
        posteriors=posteriors,
        figures="\n\n".join(images),
    )


def _notes(params: Params, table: pd.DataFrame) -> list[str]:
    notes = []
    if grey := [f"`{name}`" for name, run in params.vae.items() if not run.sees_binary]:
        notes.append(
            f"\n\n**Intensities, not bits:** {', '.join(grey)}. A Bernoulli likelihood is not one of bytes: "
            "the bound tells such runs apart, and no log p(x) is given."
        )
    if untested := [f"`{name}`" for name, run in params.vae.items() if not DATASETS[run.data].sizes[1]]:
        notes.append(f"\n\n**Validated on the test images,** for want of others: {', '.join(untested)}.")
    other = [
        f"`{row['run']}` on {row['data']} (the report: {row['report_data']})"
        for _, row in table.iterrows()
        if isinstance(row["report_data"], str) and row["report_data"] != row["data"].removesuffix(COPY)
    ]
    if other:
        notes.append(
            f"\n\n**Not the report's data:** {'; '.join(other)}. Don't compare those figures with its."
        )
    return notes


def vae_facts(params: Params, records: Records) -> dict[str, Facts]:
    """Return what claims may ask for of each VAE, and of all of them as `vae`."""
    facts = {"vae": Facts({}, {"bound": bound_holds(records)})}
    for name, run in params.vae.items():
        training, likelihood = records.vae[name]["training"], records.vae[name]["likelihood"]
        settings = {
            "data": run.data_label,
            "epochs": training["epochs"],
            "importance_samples": likelihood.get("importance_samples"),
        }
        means = records.histories[name].groupby("epoch").mean()
        train, valid = (means[f"{split}_negative_elbo"].tolist() for split in ("train", "valid"))
        seen = {
            "valid_negative_elbo_curve": valid,
            "best_valid_negative_elbo": min(valid),
            "shape": curves.shape(valid),
            "generalisation": curves.generalisation(train, valid),
            "plateau": curves.plateau(train, valid, PLATEAU_EPOCH),
            "progress": curves.progress(valid, PROGRESS_EPOCH),
        }
        facts[name] = Facts(settings, {"largest_step": NOT_SCORED, **training, **likelihood, **seen})
    return facts


def vae_metrics(params: Params, records: Records) -> dict[str, Any]:
    """Return what `dvc metrics` follows of each VAE."""
    return {
        name: {
            key: records.vae[name][kind][key]
            for kind, keys in METRICS.items()
            for key in keys
            if key in records.vae[name][kind]
        }
        for name in params.vae
    }
