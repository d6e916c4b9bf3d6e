"""What became of a game, read off its trajectory by one rule.

The distance of (psi0, psi1, theta) to the equilibrium set swings as the players circle, so the rule looks at
its envelope: the run is cut into WINDOWS equal windows, and the largest distance in each is kept. With the
course's settings a window of 250 iterations sees at least two swings. The *rate* is the slope of the
logarithm of the envelope, by least squares over the windows of the run's last quarter, per 1000 iterations:
early windows hold the approach to whatever the game settles on, and are left out. Then

    diverges            a distance is not finite, or the log envelope rises by more than TREND at that rate
                        over a quarter of the run
    cycles              it neither rises nor falls by more than TREND over a quarter of the run: the game
                        stays at its distance, however near or far that is
    converges           it falls, at a rate that makes the distance FOLD times smaller within a run
    converges slowly    it falls, at a lower rate

TREND is a tenth: orbits that have settled move by less than 0.03 in a quarter of the course's 5000
iterations, under the weaker R1 the distance falls by 1.25, so the rule has room on both sides. FOLD is
10,000, four digits within a run: an average of decay 0.998, which falls by a factor 22,000 in 5000
iterations and can fall no faster, still gets there. Both are relative to the run's length, as the reports'
verdicts were: a run too short to show a trend is not judged to have one.

A distance FLOOR times the worst is as good as 0: a run that gets there converges, and its rate is that
of the last windows above the floor. A run that starts there has rate minus infinity.

A configuration's verdict is that of most seeds, the less favourable one of a tie; its numbers are
medians over all seeds. Where theta is averaged the average gets its own verdict, from its distance to the
target 0 alone: the critic's parameters are not averaged.
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
    """What became of one trajectory, or of one configuration's; distances to the equilibrium set."""

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
    """Share of seeds that have this verdict."""


def distance(metric: str, psi0: Array, psi1: Array, theta: Array) -> Array:
    """Return the distance to the equilibrium set at each iteration, infinite where a player is not finite.

    All arrays have one shape. The set is the point 0 for jsd and the line psi0 = theta = 0 for w1.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        across = np.hypot(psi0, theta)  # unlike the root of squares, neither overflows nor underflows
        return finite(np.hypot(across, psi1) if metric == "jsd" else across)


def finite(distances: Array) -> Array:
    """Return `distances` with infinity, further than any number, in place of NaN."""
    return np.where(np.isnan(distances), np.inf, distances)


def window_starts(iterations: int) -> NDArray[np.int_]:
    """Return the iteration at which each window begins: WINDOWS of them, fewer in a very short run."""
    windows = min(WINDOWS, iterations + 1)
    return np.arange(windows) * (iterations + 1) // windows


def envelope(distances: Array) -> Array:
    """Return the largest distance in each window: (..., iterations + 1) -> (..., windows)."""
    return np.maximum.reduceat(distances, window_starts(distances.shape[-1] - 1), axis=-1)


def rate_of(windows: Array, iterations: int, floor: float) -> float:
    """Return the slope of log(envelope) per 1000 iterations over the last quarter that is above `floor`."""
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
    rate = round(rate_of(windows, iterations, floor), 6) + 0.0  # a settled orbit's rate is 0, not 1e-16 or -0
    return Judgement(word(rate * iterations / 1000, final <= floor), rate, start, final, worst)


def word(change: float, arrived: bool) -> str:
    """Return the verdict on a finite run: `change` of the log distance a run, or `arrived` at the floor."""
    trend = change / 4
    if arrived or change <= -np.log(FOLD):
        return "converges"
    if abs(trend) <= TREND:
        return "cycles"
    return "diverges" if trend > 0 else "converges slowly"


def judge_seeds(distances: Array) -> Judgement:
    """Return the verdict of most seeds and the medians of their numbers.

    distances: (seeds, iterations + 1)
    """
    iterations = distances.shape[-1] - 1
    each = [judge(windows, iterations) for windows in envelope(distances)]
    votes = Counter(one.verdict for one in each)
    verdict = max(votes, key=lambda vote: (votes[vote], VERDICTS.index(vote)))
    numbers = np.array([(one.rate, one.start, one.final, one.worst) for one in each])
    # the lower middle one of an even number: a mean of two infinities of opposite sign would be NaN
    rate, start, final, worst = np.sort(numbers, axis=0)[(len(each) - 1) // 2].tolist()
    return Judgement(verdict, rate, start, final, worst, votes[verdict] / len(each))


def judge_runs(runs: list[Configuration], trajectories: Trajectories, rate: float) -> pd.DataFrame:
    """Return one row a configuration: what it is, what became of it, and the theory beside it.

    Cells are empty where a thing does not apply, and words where a number is not finite. The columns that
    end in `_ema` are those of the average. `rate` is both players' step size.
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
    """Return the cells that say what a run is."""
    return {
        "name": run.name,
        "metric": run.metric,
        "penalty": run.penalty,
        "coefficient": None if run.penalty == "none" else run.coefficient,
        "ema": run.ema,
    }


def cells(judgement: Judgement | None, suffix: str = "") -> dict[str, object]:
    """Return a judgement as cells of a table; None gives empty cells."""
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
    """Return what theory says as cells of a table."""
    theory = linearise(run, rate)
    radius = theory.spectral_radius
    return {
        "spectral_radius": number_cell(radius) if np.isfinite(radius) else "unbounded",
        "theory": theory.word,
        "eigenvalues": eigenvalues_text(theory) or None,
        "linearised_at": theory.at,
    }


def number_cell(value: float) -> float | str:
    """Return `value` to 9 digits, or a status word where it is not finite."""
    known = artifacts.metric(value)
    return known if isinstance(known, str) else float(f"{known:.9g}")
