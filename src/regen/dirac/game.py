"""The game: its configurations, its update, and all runs played side by side.

The real distribution is the point 0, the generator a point theta, the critic C(x) = psi0 x + psi1, the metric

    jsd:  (log sigmoid(C(0)) + log sigmoid(-C(theta)) + log 4) / 2
    w1:   C(0) - C(theta)

An iteration is one step of the critic, up the metric minus the penalty, then one of the generator, down the
same metric, against the critic just updated. The penalty on the critic's slope is

    r1:   c |dC/dx|^2 at the real point
    gp:   c (|dC/dx| - 1)^2 at a random point between real and fake

Of a linear critic dC/dx is psi0 wherever that point lies: nothing random is left in either penalty.

Where is the update zero? The generator rests only if psi0 = 0; the critic then only if theta = 0 and, for
jsd, sigmoid(-psi1) = sigmoid(psi1), so psi1 = 0. The equilibrium set is the point 0 for jsd, and for w1, in
which psi1 cancels and never moves, the line psi0 = theta = 0. R1 keeps both. GP leaves none: it pushes psi0
away from 0 towards +-1, and only the derivative 0 that autograd gives |psi0| at its kink holds the game at 0.
Distances are measured to the same sets for GP too: there the generator would have learnt its target.

References:
    Which Training Methods for GANs do actually Converge? Mescheder, Geiger, Nowozin, 2018, section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from regen.params import Dirac

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Configuration:
    """One way to train: a metric, a penalty with its coefficient, and whether theta is averaged too."""

    name: str
    metric: Literal["jsd", "w1"]
    penalty: Literal["none", "r1", "gp"]
    coefficient: float
    """The penalty's weight c; 0 without a penalty."""
    ema: float | None
    """Decay of the average of theta; None where the run keeps none."""


@dataclass(frozen=True)
class Trajectories:
    """What was played, start included: four arrays of shape (runs, seeds, iterations + 1)."""

    psi0: Array
    psi1: Array
    theta: Array
    theta_ema: Array
    """The average of theta; theta itself in runs that keep none."""

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """Return the arrays as float32 tensors, half the size; what exceeds float32 becomes infinite."""
        with np.errstate(over="ignore"):
            return {
                f.name: torch.from_numpy(getattr(self, f.name).astype(np.float32, "C")) for f in fields(self)
            }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Self:
        """Return the trajectories that `to_tensors` gave away, to float32 precision."""
        return cls(**{f.name: tensors[f.name].double().numpy() for f in fields(cls)})


@dataclass(frozen=True)
class Rules:
    """The numbers in which configurations differ, each of shape (runs, 1).

    Both metrics pull on theta with psi0 times a weight: sigmoid(C(theta)) / 2 for jsd, 1 for w1. Written as
    `base + gain tanh(C(theta) / 2)`, which never overflows, it is one formula for both.
    """

    rate: float
    """Step size of both players."""
    base: Array
    gain: Array
    shrink: Array
    """Share of psi0 that a penalty takes away at each step: 2 rate c."""
    push: Array
    """By how much GP drives psi0 from 0 at each step: 2 rate c."""
    decay: Array
    """Decay of the average of theta; 0, which makes it theta itself, without one."""


def configurations(settings: Dirac) -> list[Configuration]:
    """Return all runs: each metric with no penalty, R1 and GP by coefficient; then again with an average."""
    penalties: list[tuple[Literal["none", "r1", "gp"], float]] = [("none", 0.0)]
    penalties += [("r1", c) for c in settings.coefficients]
    penalties += [("gp", c) for c in settings.coefficients]
    metrics: tuple[Literal["jsd", "w1"], ...] = ("jsd", "w1")
    return [
        Configuration(f"{metric}-{number}", metric, penalty, coefficient, ema)
        for metric in metrics
        for number, (ema, (penalty, coefficient)) in enumerate(
            [(ema, chosen) for ema in (None, settings.ema) for chosen in penalties], start=1
        )
    ]


def rules(runs: list[Configuration], rate: float) -> Rules:
    """Return what `step` needs to know of the runs; `rate` is the step size of both players."""

    def column(values: list[float]) -> Array:
        return np.array(values, dtype=np.float64)[:, None]

    return Rules(
        rate=rate,
        base=column([0.25 if run.metric == "jsd" else 1.0 for run in runs]),
        gain=column([0.25 if run.metric == "jsd" else 0.0 for run in runs]),
        shrink=column([2 * rate * run.coefficient for run in runs]),
        push=column([2 * rate * run.coefficient if run.penalty == "gp" else 0.0 for run in runs]),
        decay=column([run.ema or 0.0 for run in runs]),
    )


def draw_starts(settings: Dirac, seed: int) -> Array:
    """Return the starts (psi0, psi1, theta), shape (3, seeds).

    Each start has a generator of its own, so that more seeds leave the first ones as they were.
    """
    draws = [np.random.default_rng([seed, start]).standard_normal(3) for start in range(settings.seeds)]
    return settings.start_scale * np.stack(draws, axis=1)


def step_critic(psi0: Array, psi1: Array, theta: Array, game: Rules) -> tuple[Array, Array]:
    """Return (psi0, psi1) after one gradient step up the metric minus the penalty; all (runs, seeds)."""
    fake = np.tanh((psi0 * theta + psi1) / 2)
    slope = (
        game.push * np.sign(psi0) - game.shrink * psi0 - game.rate * (game.base + game.gain * fake) * theta
    )
    # sigmoid(-psi1) - sigmoid(C(theta)), halved, as tanh: exact near 0, where the sigmoids would cancel
    offset = -game.rate * game.gain * (np.tanh(psi1 / 2) + fake)
    return psi0 + slope, psi1 + offset


def step_generator(psi0: Array, psi1: Array, theta: Array, game: Rules) -> Array:
    """Return theta after one gradient step down the metric; all (runs, seeds)."""
    fake = np.tanh((psi0 * theta + psi1) / 2)
    return theta + game.rate * (game.base + game.gain * fake) * psi0


def play(settings: Dirac, seed: int) -> Trajectories:
    """Play all of `configurations(settings)` at once, each from the same starts, to compare like with like.

    A game that runs off to infinity is played on to the end, and ends as inf or NaN without a warning.
    """
    return play_runs(configurations(settings), draw_starts(settings, seed), settings)


def play_runs(runs: list[Configuration], starts: Array, settings: Dirac) -> Trajectories:
    """Play `runs` from `starts` (3, seeds); only iterations and learning_rate are read of the settings."""
    game = rules(runs, settings.learning_rate)
    record = np.empty((settings.iterations + 1, 4, len(runs), starts.shape[1]))
    record[0, :3] = starts[:, None, :]
    record[0, 3] = record[0, 2]  # the average starts at theta
    psi0, psi1, theta, average = record[0]
    with np.errstate(over="ignore", invalid="ignore"):
        for now in record[1:]:
            psi0, psi1 = step_critic(psi0, psi1, theta, game)
            theta = step_generator(psi0, psi1, theta, game)
            average = game.decay * average + (1 - game.decay) * theta
            now[0], now[1], now[2], now[3] = psi0, psi1, theta, average
    return Trajectories(*np.moveaxis(record, 0, -1))
