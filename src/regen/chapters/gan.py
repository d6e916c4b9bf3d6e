"""The GANs' chapter: their table, and what their metric tells of their samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regen import artifacts
from regen.artifacts import Metrics
from regen.chapters.scores import BESIDE, DISTANCE, INCEPTION, KERNELS, PRECISION, RECALL, Scores, named
from regen.chapters.shared import over_seeds, read_each
from regen.chapters.trends import LOSSES, UNSEEN, courses, remarks, tells_more, trends_table, without_interval
from regen.params import Params
from regen.params.gan import GanRun
from regen.report.chapter import Chapter, Table
from regen.report.claims import NOT_SCORED, Claims, Facts
from regen.report.columns import Column, frame, hidden

COLUMNS = (
    *map(Column, ("run", "loss", "critic", "data", "steps")),
    INCEPTION,
    Column("report_inception_score", "(report)"),
    DISTANCE,
    Column("report_fid", "(report's FID)"),
    *(KERNELS, PRECISION, RECALL),
    Column("scored", "scored by"),
    Column("generator_parameters", "parameters of the generator"),
    Column("parameters", "of both"),
    *BESIDE,
    *hidden("extractor", "samples", "splits", "rank_deficient", "report_data", "report_extractor"),
    *hidden("critic_parameters"),
)
FOLLOWED = ("generator_parameters", "train_metric", "train_critic_loss", "train_generator_loss")
CLOSE = 0.1
"""Of the mean train loss: how far from it the mean valid loss may be."""


def constraint(run: GanRun) -> str:
    """Means by which the critic's gradient is kept in bounds."""
    parts = ["spectral norm"] if run.spectral_norm else []
    if run.penalty != "none":
        parts.append(f"{run.penalty.upper()} {run.penalty_coefficient:g}")
    return ", ".join(parts) or "plain"


def chapter(params: Params, claims: Claims, scores: Scores) -> Chapter:
    """GANs of `params`; InputError names a record that is absent."""
    training = read_each(params.gan, "training")
    table, trends = runs_table(params, training, claims, scores), trends_table(params, scores)
    histories = {run: artifacts.read_csv(artifacts.gan_history_file(run)) for run in params.gan}
    return Chapter(
        tables=[table, trends],
        facts=runs_facts(params, training, histories, trends.data)
        | {"gan": facts_together(params, training, trends.data, claims)},
        metrics={name: {key: found[key] for key in FOLLOWED} for name, found in training.items()},
        trained=list(params.gan),
    )


def runs_table(params: Params, training: Mapping[str, Metrics], claims: Claims, scores: Scores) -> Table:
    """One row a GAN: its scores, by the report's extractor if possible, beside the report's; and its size."""
    rows = []
    for name, run in params.gan.items():
        asked = _given(claims, name).get("extractor")
        found = scores.of(name, asked) or {}
        rows.append(
            {
                **found,
                **training[name],
                "run": name,
                "loss": LOSSES[run.loss],
                "critic": constraint(run),
                "data": params.data_label(run),
                "report_inception_score": claims.expected(name, "inception_score"),
                "report_fid": claims.expected(name, "distance"),
                "report_data": claims.data(name),
                "report_extractor": asked,
                "scored": scored(found),
            }
        )
    data = frame(rows, COLUMNS)
    return Table("gan", data, named(COLUMNS, data))


def _given(claims: Claims, run: str) -> Mapping[str, Any]:
    claim = claims.find(run, "distance")
    return claim.given if claim else {}


def scored(scores: Metrics) -> str:
    """With what features, from how many images and in how many splits `scores` were made."""
    if not scores:
        return NOT_SCORED
    return f"{scores['extractor']}, {scores['samples']} samples, {scores['splits']} splits"


# ---- claims and metrics ----------------------------------------------------------------------------------


def runs_facts(
    params: Params,
    training: Mapping[str, Metrics],
    histories: Mapping[str, pd.DataFrame],
    trends: pd.DataFrame,
) -> dict[str, Facts]:
    """Facts on each GAN."""
    seen = {row["run"]: (courses(row), remarks(row)) for _, row in trends.iterrows()}
    facts = {}
    for name, run in params.gan.items():
        losses = players(over_seeds(histories[name], "step"))
        found, told = seen.get(name, (UNSEEN, {}))
        metrics = {**training[name], **found, "losses": losses}
        facts[name] = Facts(_settings(run, training[name]), metrics, told)
    return facts


def facts_together(
    params: Params, training: Mapping[str, Metrics], trends: pd.DataFrame, claims: Claims
) -> Facts:
    """What the GANs of JSD and W1 tell together.

    Only those whose distance a report gives: others, such as one of a weaker penalty, have no say.
    """
    runs = {
        name: run
        for name, run in params.gan.items()
        if run.loss in ("jsd", "w1") and claims.find(name, "distance")
    }
    compared = [_settings(run, training[name]) for name, run in runs.items()]
    data = {each["data"] for each in compared}
    settings: dict[str, Any] = {"data": " and ".join(sorted(data)) or None}
    for key in ("steps", "width"):
        sizes = sorted({each[key] for each in compared if each[key] is not None})
        settings[key] = sizes[0] if len(sizes) == 1 else sizes
    compared_trends = trends[trends["run"].isin(list(runs))]
    told = {"tells_more": without_interval(compared_trends)}
    return Facts(settings, {"tells_more": tells_more(compared_trends)}, told)


def _settings(run: GanRun, training: Metrics) -> dict[str, Any]:
    """Those that claims may ask for."""
    width = getattr(run, "width", None)  # of convolutions
    return {"data": run.data, "steps": training["steps"], "epochs": run.epochs, "width": width}


def players(history: pd.DataFrame) -> str:
    """Whether train and valid losses are close for both players, on average over the epochs.

    The train loss is the mean over an epoch, the valid loss that of one moment: of an epoch alone, their
    difference tells how the game swings.
    """
    if "valid_critic_loss" not in history:
        return "not validated"
    for player in ("critic", "generator"):
        train, valid = history[f"train_{player}_loss"], history[f"valid_{player}_loss"]
        if not abs((valid - train).mean(skipna=False)) <= CLOSE * train.abs().mean():  # a gap is apart
            return "apart"
    return "close"
