"""What the critic's metric tells of the samples: rank correlations over a GAN's scores on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from regen.artifacts import distance_in
from regen.chapters.estimates import Estimate
from regen.chapters.scores import Scores
from regen.chapters.shared import each_seed
from regen.params import Params
from regen.report.chapter import Table
from regen.report.claims import NOT_SCORED, UNDECIDED
from regen.report.columns import Column, frame, hidden

LOSSES = {"jsd": "JSD", "w1": "W1", "nonsaturating": "non-saturating"}
COLUMNS = (
    *map(Column, ("run", "loss", "scores")),
    Column("metric_and_step", "metric, step"),
    Column("distance_and_step", "distance, step"),
    Column("metric_and_distance", "metric, distance"),
    *hidden("seeds", "metric_at_end"),
)
FEW, ENOUGH = 3, 8
"""Scores on the way from which on a rank correlation is taken, and a claim is judged by it.

Of four, noise has one beyond LEVEL three times out of four.
"""
SEVERAL = 2
"""Runs of a loss from which on they tell of the loss, and not of one critic."""
LEVEL = 0.3
"""Rank correlation with the step up to which, either side of 0, a curve neither rises nor falls."""
HIGH = 0.75
"""Mean rank of a curve's last quarter, from 0, its lowest, to 1, above which it ends high."""
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


def rank_at_end(curve: pd.Series) -> float | None:
    """Mean rank, 0 lowest to 1, of the last quarter of what is finite; None of too few, or of a constant."""
    numbers = pd.to_numeric(curve, errors="coerce").dropna()
    if len(numbers) < FEW or numbers.nunique() == 1:
        return None
    ranks = (numbers.rank() - 1) / (len(numbers) - 1)
    return float(ranks.tail(math.ceil(len(ranks) / 4)).mean())


def trends_table(params: Params, scores: Scores) -> Table:
    """One row a GAN scored on its way: how metric, distance and step go together, -1 to 1, over its seeds."""
    rows = []
    for name, run in params.gan.items():
        evaluations = scores.on_the_way[name]
        if len(evaluations):
            seeds = each_seed(evaluations)
            distance = distance_in(evaluations)
            rows.append(
                {
                    "run": name,
                    "loss": LOSSES[run.loss],
                    "scores": min(map(len, seeds)),
                    **_together(seeds, "metric_and_step", "metric", "step"),
                    **_together(seeds, "distance_and_step", distance, "step"),
                    **_together(seeds, "metric_and_distance", "metric", distance),
                    **_over(seeds, "metric_at_end", lambda table: rank_at_end(table["metric"])),
                    "seeds": len(seeds),
                }
            )
    return Table("trends", frame(rows, COLUMNS), COLUMNS, empty="No run is scored on its way.")


def _together(seeds: Sequence[pd.DataFrame], key: str, one: str, other: str) -> dict[str, float]:
    """Mean and deviation over seeds of the rank correlation of two columns; nothing where a seed has none."""
    return _over(seeds, key, lambda table: rank_correlation(table[one], table[other]))


def _over(
    seeds: Sequence[pd.DataFrame], key: str, of: Callable[[pd.DataFrame], float | None]
) -> dict[str, float]:
    each = pd.Series([of(table) for table in seeds], dtype=float)
    if each.isna().any():
        return {}
    return {key: each.mean()} | ({f"{key}_deviation": each.std()} if len(each) > 1 else {})


def interval(row: pd.Series, key: str) -> tuple[float, float] | None:
    """Interval of a mean over the seeds, such as that of a rank correlation; of one seed a point.

    None where there is none, or of too few scores.
    """
    mean, deviation = row[key], row.get(f"{key}_deviation")
    if pd.isna(mean) or row["scores"] < ENOUGH:
        return None
    return Estimate(mean, None if pd.isna(deviation) else deviation / math.sqrt(row["seeds"])).interval


def course(correlation: tuple[float, float] | None) -> str:
    """Word for what a curve does, from the interval of its rank correlation with the step."""
    if correlation is None:
        return NOT_SCORED
    low, high = correlation
    if low > LEVEL or high < -LEVEL:
        return "rises" if low > LEVEL else "falls"
    return "settles" if low >= -LEVEL and high <= LEVEL else UNDECIDED


def calms(row: pd.Series) -> str:
    """Whether the metric falls or settles: over all scores it does not rise, and it does not end high.

    A rank correlation alone takes for level what falls and then rises as far.
    """
    correlation, end = interval(row, "metric_and_step"), interval(row, "metric_at_end")
    if correlation is None or end is None:
        return NOT_SCORED
    if correlation[0] > LEVEL:
        return "rises"
    if end[0] > HIGH:
        return "ends high"
    return "falls or settles" if correlation[1] <= LEVEL and end[1] <= HIGH else UNDECIDED


def courses(row: pd.Series) -> dict[str, str]:
    """Facts on a GAN, from its row of rank correlations."""
    metric, distance = (course(interval(row, f"{each}_and_step")) for each in ("metric", "distance"))
    unsure = next((word for word in (NOT_SCORED, UNDECIDED) if word in (metric, distance)), None)
    return {
        "trends": unsure or f"metric {metric}, distance {distance}",
        "metric_trend": calms(row),
        "distance_trend": distance,
    }


def remarks(row: pd.Series) -> dict[str, str]:
    """What the ledger says of the facts on a GAN, by their names."""
    if row["scores"] < ENOUGH:
        return dict.fromkeys(UNSEEN, f"Fewer than {ENOUGH} scores on the way.")
    return dict.fromkeys(UNSEEN, "One seed: no interval.") if row["seeds"] == 1 else {}


def accord(trends: pd.DataFrame, loss: str) -> tuple[float, float] | None:
    """Mean rank correlation of metric and distance over the runs of a loss, and its margin.

    None where there are not SEVERAL such runs, or one has no such correlation.
    """
    found = [interval(row, "metric_and_distance") for _, row in trends[trends["loss"] == loss].iterrows()]
    known = [each for each in found if each is not None]
    if len(known) < max(SEVERAL, len(found)):
        return None
    margin = math.hypot(*((high - low) / 2 for low, high in known)) / len(known)
    return sum((low + high) / 2 for low, high in known) / len(known), margin


def with_intervals(trends: pd.DataFrame) -> pd.DataFrame:
    """The same, with runs of one seed taken to vary as the one of several that varies most."""
    key = "metric_and_distance_deviation"
    found = trends.get(key, pd.Series(index=trends.index, dtype=float))
    return trends.assign(**{key: found.where(trends["seeds"] > 1, found[trends["seeds"] > 1].max())})


def without_interval(trends: pd.DataFrame) -> str:
    """What the ledger says of a comparison of runs some of which have one seed; nothing where none has."""
    alone = ", ".join(trends.loc[trends["seeds"] == 1, "run"])
    return f"Of one seed: {alone}." if alone else ""


def tells_more(trends: pd.DataFrame) -> str:
    """Which metric falls and rises with the distance more closely, beyond both margins.

    Undecided where all runs have one seed, and so no margin: how closely they go together is luck, too.
    One that rises as the samples get better tells the wrong thing of them, however surely.
    """
    w1, jsd = (accord(with_intervals(trends), loss) for loss in ("W1", "JSD"))
    if w1 is None or jsd is None:
        return NOT_SCORED
    if (trends["seeds"] == 1).all():
        return UNDECIDED
    lead, margin = w1[0] - jsd[0], math.hypot(w1[1], jsd[1])
    return "W1" if lead > margin else "JSD" if lead < -margin else UNDECIDED
