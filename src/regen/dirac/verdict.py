"""Verdict on a game, derived from its trajectory by a single rule.

The distance of (psi0, psi1, theta) to the equilibrium set oscillates as the players circle, so the rule uses
its envelope: the run is cut into WINDOWS equal windows, and the largest distance in each is kept. With the
course's settings a window of 250 iterations covers at least two oscillations. The *rate* is the slope of the
logarithm of the envelope, by least squares over the windows of the run's last quarter and the one before
them, per 1000 iterations: early windows cover the transient and are left out. Then

    diverges            a distance is not finite, or at that rate the log envelope rises by more than TREND
                        over a quarter of the run
    cycles              it neither rises nor falls by more than TREND over a quarter of the run: the game
                        stays at its distance, whatever that is
    converges           it falls, at a rate that makes the distance FOLD times smaller within a run
    converges slowly    it falls, at a lower rate

TREND is a tenth: orbits that have settled move by less than 0.03 in a quarter of the course's 5000
iterations, under the weaker R1 the log distance falls by 1.25, so the rule has a margin on both sides. FOLD
is 10,000, four digits within a run, which an average of decay 0.998 still reaches: it falls by at most a
factor of 22,000 in 5000 iterations. Both are relative to the run's length, as are the verdicts of the course
reports: a run too short to show a trend is judged to have none.

A distance below FLOOR times the largest counts as 0: a run that gets there converges, and its rate is that of
the last windows above the floor. A run that starts there has rate minus infinity.

A configuration's verdict is the most frequent one over its seeds, in a tie the less favourable one; its
numbers are medians over all seeds. If theta is averaged, the average gets its own verdict, from its distance
to the target 0 alone, since the critic's parameters are not averaged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regen import artifacts
from regen.dirac.game import Array, Configuration, Trajectories
from regen.dirac.theory import eigenvalues_text, linearise

WINDOWS = 20
TREND = 0.1
FOLD = 1e4
FLOOR = 1e-12
VERDICTS = ("converges", "converges slowly", "cycles", "diverges")
"""From the most favourable to the least."""


@dataclass(frozen=True)
class Judgement:
    """Verdict on a trajectory or a configuration, with distances to the equilibrium set."""

    verdict: str
    rate: float
    """Change of the logarithm of the distance per 1000 iterations, at the end of the run."""
    start: float
    """Largest distance in the first window."""
    final: float
    """Largest distance in the last window."""
    worst: float
    """Largest distance of all."""
    agreement: float = 1.0
    """Share of seeds with this verdict."""


def distance(metric: str, psi0: Array, psi1: Array, theta: Array) -> Array:
    """Distance to the equilibrium set at each iteration, infinite where a player is not finite.

    All arrays have the same shape. The set is the point 0 for jsd and the line psi0 = theta = 0 for w1.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        across = np.hypot(psi0, theta)  # unlike sqrt(x^2 + y^2), neither overflows nor underflows
        return finite(np.hypot(across, psi1) if metric == "jsd" else across)


def finite(distances: Array) -> Array:
    """Replace NaN in `distances` by infinity."""
    return np.where(np.isnan(distances), np.inf, distances)


def window_starts(iterations: int) -> NDArray[np.int_]:
    """First iteration of each window: WINDOWS of them, fewer in a very short run."""
    windows = min(WINDOWS, iterations + 1)
    return np.arange(windows) * (iterations + 1) // windows


def envelope(distances: Array) -> Array:
    """Largest distance in each window: (..., iterations + 1) -> (..., windows)."""
    return np.maximum.reduceat(distances, window_starts(distances.shape[-1] - 1), axis=-1)


def rate_of(windows: Array, iterations: int, floor: float) -> float:
    """Slope of log(envelope) per 1000 iterations over the last windows above `floor`: a quarter and one."""
    late = np.flatnonzero(windows > floor)[-max(2, len(windows) // 4 + 1) :]
    if len(late) < 2:
        return -np.inf
    thousands = window_starts(iterations)[late] / 1000
    return float(np.polyfit(thousands, np.log(windows[late]), 1)[0])


def judge(windows: Array, iterations: int) -> Judgement:
    """Apply the rule to the envelope of one trajectory, shape (WINDOWS,)."""
    start, final, worst = float(windows[0]), float(windows[-1]), float(windows.max())
    if not np.isfinite(worst):
        return Judgement("diverges", np.inf, start, final, worst)
    floor = FLOOR * worst
    rate = (
        round(rate_of(windows, iterations, floor), 6) + 0.0
    )  # so that a stationary orbit has rate 0, not 1e-16 or -0
    return Judgement(word(rate * iterations / 1000, final <= floor), rate, start, final, worst)


def word(change: float, arrived: bool) -> str:
    """Judge a finite run by the `change` of its log distance per run, or by having `arrived` at the floor."""
    trend = change / 4
    if arrived or change <= -np.log(FOLD):
        return "converges"
    if abs(trend) <= TREND:
        return "cycles"
    return "diverges" if trend > 0 else "converges slowly"


def judge_seeds(distances: Array) -> Judgement:
    """Verdict of most seeds, and medians of their numbers.

    distances: (seeds, iterations + 1)
    """
    iterations = distances.shape[-1] - 1
    each = [judge(windows, iterations) for windows in envelope(distances)]
    votes = Counter(one.verdict for one in each)
    verdict = max(votes, key=lambda vote: (votes[vote], VERDICTS.index(vote)))
    numbers = np.array([(one.rate, one.start, one.final, one.worst) for one in each])
    # the lower of two middle values: the mean of infinities of opposite sign would be NaN
    rate, start, final, worst = np.sort(numbers, axis=0)[(len(each) - 1) // 2].tolist()
    return Judgement(verdict, rate, start, final, worst, votes[verdict] / len(each))


def judge_runs(runs: list[Configuration], trajectories: Trajectories, rate: float) -> pd.DataFrame:
    """Table with one row per configuration: its settings, verdicts and theory.

    Cells that do not apply are empty; numbers that are not finite are status words. Columns ending in `_ema`
    are about the average. `rate` is the step size of both players.
    """
    rows = []
    for i, run in enumerate(runs):
        state = distance(run.metric, trajectories.psi0[i], trajectories.psi1[i], trajectories.theta[i])
        average = finite(np.abs(trajectories.theta_ema[i]))
        row = describe(run) | cells(judge_seeds(state))
        row |= cells(None if run.ema is None else judge_seeds(average), "_ema")
        rows.append(row | theory_cells(run, rate))
    return pd.DataFrame(rows, dtype=object)


def describe(run: Configuration) -> dict[str, object]:
    """Cells with the settings of a run."""
    return {
        "name": run.name,
        "metric": run.metric,
        "penalty": run.penalty,
        "coefficient": None if run.penalty == "none" else run.coefficient,
        "ema": run.ema,
    }


def cells(judgement: Judgement | None, suffix: str = "") -> dict[str, object]:
    """Cells of a judgement; empty for None."""
    names = {
        "agreement": "agreement",
        "rate": "rate_per_1000",
        "start": "start_distance",
        "final": "final_distance",
        "worst": "worst_distance",
    }
    row: dict[str, object] = {"verdict" + suffix: judgement and judgement.verdict}
    for field, name in names.items():
        row[name + suffix] = judgement and number_cell(getattr(judgement, field))
    return row


def theory_cells(run: Configuration, rate: float) -> dict[str, object]:
    """Cells with the theory of a run."""
    theory = linearise(run, rate)
    radius = theory.spectral_radius
    return {
        "spectral_radius": number_cell(radius) if np.isfinite(radius) else "unbounded",
        "theory": theory.word,
        "eigenvalues": eigenvalues_text(theory) or None,
        "linearised_at": theory.at,
    }


def number_cell(value: float) -> float | str:
    """Round `value` to 9 digits, or replace it by a status word if it is not finite."""
    known = artifacts.metric(value)
    return known if isinstance(known, str) else float(f"{known:.9g}")
