"""The VAEs' chapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regen import artifacts
from regen.artifacts import Metrics
from regen.chapters import curves
from regen.chapters.posteriors import posterior_table, twins
from regen.chapters.scores import Scores
from regen.chapters.shared import each_seed, over_seeds
from regen.params import Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import NOT_SCORED, Claims, Facts
from regen.report.columns import Column, frame, hidden

RUNS = (
    *map(Column, ("run", "data", "epochs", "seeds")),
    Column("valid_negative_elbo", "valid -ELBO", digits=2, better="lower"),
    Column("report_valid_negative_elbo", "(report)"),
    Column("test_negative_elbo", "test -ELBO", digits=2, better="lower"),
    Column("test_log_p", "test log p(x)", digits=2, better="higher", of="log_p"),
    Column("standard_error", "s.e.", of="log_p_standard_error"),
    Column("report_test_log_p", "(report)"),
    Column("importance_samples", "K"),
    Column("effective_sample_size", "ESS", better="higher"),
    Column("test_images", of="images"),
    Column("report_data", "(report's data)"),
)
CODES = (
    *map(Column, ("run", "parameters")),
    Column("latent", "dimensions of z"),
    Column("active_units", "active"),
    Column("collapsed"),
    Column("reconstruction", "reconstruction error, nats", better="lower", of="test_reconstruction"),
    Column("kl", "KL, nats", of="test_kl"),
    Column("squared_error", "squared error a pixel", better="lower"),
    Column("misread", better="lower"),
    Column("largest_step", better="lower"),
    Column("gap", "log p - ELBO, nats", better="lower"),
    Column("gap_standard_error", "s.e."),
    *hidden("data"),
)
TABLES = {"vae": RUNS, "codes": CODES}
UNKNOWN = dict.fromkeys(("log_p", "elbo", "largest_step"), NOT_SCORED)
"""What claims ask for and not every run has: likelihoods need binary images, steps need labels."""
FOLLOWED = (
    *("train_negative_elbo", "valid_negative_elbo", "valid_kl"),
    *("test_negative_elbo", "active_units", "collapsed", "largest_step"),
    *("log_p", "log_p_standard_error", "elbo", "effective_sample_size"),
)
PLATEAU_EPOCH, PROGRESS_EPOCH = 30, 10
"""After which the reports' validation loss is flat, and their samples show digits."""


@dataclass(frozen=True)
class Run:
    """What the other stages left of one VAE."""

    training: Metrics
    likelihood: Metrics
    images: Metrics
    """Scores of its images, where they are scored."""
    history: pd.DataFrame
    """A row a seed and epoch."""
    seeds: pd.DataFrame
    """Log p and ELBO of the test images, a row a seed."""


Runs = Mapping[str, Run]


def read_runs(params: Params, scores: Scores) -> Runs:
    """VAEs of `params`; InputError names a record that is absent."""
    return {
        name: Run(
            training=artifacts.read_metrics(artifacts.scores_file(name, "training")),
            likelihood=artifacts.read_metrics(artifacts.scores_file(name, "likelihood")),
            images=scores.final.get(name, {}),
            history=artifacts.read_csv(artifacts.history_file(name)),
            seeds=artifacts.read_csv(artifacts.seeds_file(name)),
        )
        for name in params.vae
    }


def chapter(params: Params, claims: Claims, scores: Scores) -> Chapter:
    """VAEs of `params`, with pairs of their posteriors; InputError names a record that is absent."""
    runs = read_runs(params, scores)
    rows = [_row(name, run, params, claims) for name, run in runs.items()]
    table, codes = (Table(name, frame(rows, columns), columns) for name, columns in TABLES.items())
    pairs = {
        (plain, planar): posterior_table(planar, runs[plain].seeds, runs[planar].seeds)
        for plain, planar in twins(params)
    }
    return Chapter(
        tables=[table, codes, *pairs.values()],
        facts={
            "vae": Facts({}, {"bound": bound_holds(runs)}),
            **{name: run_facts(runs[name], run.data_label) for name, run in params.vae.items()},
        },
        metrics={name: run_metrics(run) for name, run in runs.items()},
        trained=list(params.vae),
    )


def _row(name: str, run: Run, params: Params, claims: Claims) -> dict[str, Any]:
    """Row of a run for both tables: in nats an image, beside the report's figures."""
    return {
        **run.images,
        **run.training,
        **run.likelihood,
        "run": name,
        "data": params.data_label(params.vae[name]),
        "latent": params.vae[name].latent,
        "report_valid_negative_elbo": claims.expected(name, "valid_negative_elbo"),
        "report_test_log_p": claims.expected(name, "log_p"),
        "report_data": claims.data(name),
    }


def bound_holds(runs: Runs) -> str:
    """On which runs the ELBO is at most log p(x), within two standard errors; NOT_SCORED if on none known."""
    scored = {name: run.likelihood for name, run in runs.items() if "gap" in run.likelihood}
    broken = [
        name
        for name, found in scored.items()
        if isinstance(found["gap"], str) or found["gap"] < -2 * float(found["gap_standard_error"])
    ]
    if not scored:
        return NOT_SCORED
    return f"not on {', '.join(broken)}" if broken else "on every run"


def run_facts(run: Run, data: str) -> Facts:
    """Facts on one VAE, trained on `data`."""
    means = over_seeds(run.history, "epoch")
    train, valid = (means[f"{split}_negative_elbo"].tolist() for split in ("train", "valid"))
    seen = {
        "valid_negative_elbo_curve": valid,
        **best(run.history),
        "shape": curves.shape(valid),
        "generalisation": curves.generalisation(train, valid),
        "plateau": curves.plateau(train, valid, PLATEAU_EPOCH),
        "progress": curves.progress(valid, PROGRESS_EPOCH),
    }
    settings = {
        "data": data,
        "epochs": run.training["epochs"],
        "importance_samples": run.likelihood.get("importance_samples"),
    }
    return Facts(settings, {**UNKNOWN, **run.training, **run.likelihood, **seen})


def best(history: pd.DataFrame) -> Metrics:
    """Least validation -ELBO over the epochs: its mean over the seeds, with the deviation."""
    columns = [pd.to_numeric(rows["valid_negative_elbo"], errors="coerce") for rows in each_seed(history)]
    return artifacts.over_seeds(
        [{"best_valid_negative_elbo": artifacts.metric(float(column.min()))} for column in columns]
    )


def run_metrics(run: Run) -> dict[str, Any]:
    """Metrics of one VAE that `dvc metrics` follows, the scores of its images aside."""
    found = {**run.training, **run.likelihood}
    return {key: found[key] for key in FOLLOWED if key in found}
