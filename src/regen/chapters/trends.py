"""What the critic's metric tells of the samples: rank correlations over a GAN's scores on the way."""

from __future__ import annotations

import pandas as pd

from regen.artifacts import distance_in
from regen.chapters.scores import Scores
from regen.params import Params
from regen.report.chapter import Table
from regen.report.claims import NOT_SCORED
from regen.report.columns import Column, frame

LOSSES = {"jsd": "JSD", "w1": "W1", "nonsaturating": "non-saturating"}
COLUMNS = (
    *map(Column, ("run", "loss", "scores")),
    Column("metric_and_step", "metric, step"),
    Column("distance_and_step", "distance, step"),
    Column("metric_and_distance", "metric, distance"),
)
FEW = 3
"""Scores on the way below which no rank correlation is taken."""
LEVEL = 0.3
"""Rank correlation with the step up to which, either side of 0, a curve neither rises nor falls."""
UNSEEN = dict.fromkeys(("trends", "metric_trend", "distance_trend"), NOT_SCORED)
"""What claims find of a run that was not scored on its way."""


def rank_correlation(one: pd.Series, other: pd.Series) -> float | None:
    """Spearman's rank correlation of what is finite; None of too few pairs, or of a constant."""
    numbers = {"one": one, "other": other}
    pairs = pd.DataFrame({key: pd.to_numeric(column, errors="coerce") for key, column in numbers.items()})
    ranks = pairs.dropna().rank()
    if len(ranks) < FEW or ranks.nunique().min() == 1:
        return None
    return float(ranks["one"].corr(ranks["other"]))


def trends_table(params: Params, scores: Scores) -> Table:
    """One row a GAN scored on its way: how metric, distance and step go together, -1 to 1."""
    rows = []
    for name, run in params.gan.items():
        evaluations = scores.on_the_way[name]
        if len(evaluations):
            step, metric = evaluations["step"], evaluations["metric"]
            distance = evaluations[distance_in(evaluations)]
            rows.append(
                {
                    "run": name,
                    "loss": LOSSES[run.loss],
                    "scores": len(evaluations),
                    "metric_and_step": rank_correlation(metric, step),
                    "distance_and_step": rank_correlation(distance, step),
                    "metric_and_distance": rank_correlation(metric, distance),
                }
            )
    return Table("trends", frame(rows, COLUMNS), COLUMNS, empty="No run is scored on its way.")


def strengths(trends: pd.DataFrame) -> dict[str, float]:
    """Mean size of the rank correlation of metric and distance over the runs of JSD and of W1."""
    sizes = trends.assign(size=trends["metric_and_distance"].astype(float).abs()).groupby("loss")["size"]
    return {loss: size for loss, size in sizes.mean().dropna().items() if loss in ("JSD", "W1")}


def tells_more(trends: pd.DataFrame) -> str:
    """Which metric goes with the distance more closely, in whichever direction."""
    found = strengths(trends)
    return max(found, key=found.__getitem__) if len(found) == 2 else NOT_SCORED


def course(correlation: float | None) -> str:
    """Word for what a curve does, from its rank correlation with the step."""
    if correlation is None or pd.isna(correlation):
        return NOT_SCORED
    return "settles" if abs(correlation) <= LEVEL else "rises" if correlation > 0 else "falls"


def courses(row: pd.Series) -> dict[str, str]:
    """Facts on a GAN, from its row of rank correlations."""
    metric, distance = course(row["metric_and_step"]), course(row["distance_and_step"])
    known = NOT_SCORED not in (metric, distance)
    return {
        "trends": f"metric {metric}, distance {distance}" if known else NOT_SCORED,
        "metric_trend": "falls or settles" if metric in ("falls", "settles") else metric,
        "distance_trend": distance,
    }
