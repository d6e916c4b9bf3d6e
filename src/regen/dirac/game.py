"""The game: its configurations, its update, and a simulation of all runs side by side.

The real distribution is the point 0, the generator a point theta, the critic C(x) = psi0 x + psi1. The metric
is

    jsd:  (log sigmoid(C(0)) + log sigmoid(-C(theta)) + log 4) / 2
    w1:   C(0) - C(theta)

An iteration is an ascent step of the critic on the metric minus the penalty, then a descent step of the
generator on the metric, against the updated critic. The penalty on the critic's slope is

    r1:   c |dC/dx|^2 at the real point
    gp:   c (|dC/dx| - 1)^2 at a random point between real and fake

For a linear critic dC/dx = psi0 at every point, so neither penalty is random.

Equilibria: the generator's update vanishes only if psi0 = 0; then the critic's vanishes only if theta = 0
and, for jsd, sigmoid(-psi1) = sigmoid(psi1), that is psi1 = 0. The equilibrium set is thus the point 0 for
jsd. For w1, where psi1 cancels and never changes, it is the line psi0 = theta = 0. R1 preserves both. GP has
no equilibrium: it pushes psi0 away from 0 towards +-1, and only autograd's derivative 0 of |psi0| at its kink
keeps the game at 0. Distances are measured to the same sets for GP, since the generator matches its target
there.

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
    """A configuration: metric, penalty with its coefficient, and whether theta is averaged."""

    name: str
    metric: Literal["jsd", "w1"]
    penalty: Literal["none", "r1", "gp"]
    coefficient: float
    """The penalty's weight c; 0 without a penalty."""
    ema: float | None
    """Decay of the average of theta; None without an average."""


@dataclass(frozen=True)
class Trajectories:
    """Trajectories including the start: four arrays of shape (runs, seeds, iterations + 1)."""

    psi0: Array
    psi1: Array
    theta: Array
    theta_ema: Array
    """The average of theta; theta itself in runs without an average."""

    def to_tensors(self) -> dict[str, torch.Tensor]:
        """Convert the arrays to float32 tensors, to halve the size; overflow gives infinity."""
        with np.errstate(over="ignore"):
            return {
                f.name: torch.from_numpy(getattr(self, f.name).astype(np.float32, "C")) for f in fields(self)
            }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor]) -> Self:
        """Restore trajectories from `to_tensors`, in float32 precision."""
        return cls(**{f.name: tensors[f.name].double().numpy() for f in fields(cls)})


@dataclass(frozen=True)
class Rules:
    """Coefficients of the update by configuration, each of shape (runs, 1).

    The gradient of both metrics in theta is psi0 times a weight: sigmoid(C(theta)) / 2 for jsd, 1 for w1.
    Both are written as `base + gain tanh(C(theta) / 2)`, which never overflows.
    """

    rate: float
    """Step size of both players."""
    base: Array
    gain: Array
    shrink: Array
    """Fraction by which a penalty shrinks psi0 at each step: 2 rate c."""
    push: Array
    """Amount by which GP moves psi0 away from 0 at each step: 2 rate c."""
    decay: Array
    """Decay of the average of theta; 0 without an average, which makes it theta itself."""


def configurations(settings: Dirac) -> list[Configuration]:
    """List all runs: each metric with no penalty, R1 and GP by coefficient; then all with an average."""
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
    """Stack the coefficients of the runs for `step`; `rate` is the step size of both players."""

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
    """Draw the starts (psi0, psi1, theta), shape (3, seeds).

    Each start has its own generator, so that adding seeds does not change the first ones.
    """
    draws = [np.random.default_rng([seed, start]).standard_normal(3) for start in range(settings.seeds)]
    return settings.start_scale * np.stack(draws, axis=1)


def step_critic(psi0: Array, psi1: Array, theta: Array, game: Rules) -> tuple[Array, Array]:
    """Compute (psi0, psi1) after an ascent step on the metric minus the penalty; all (runs, seeds)."""
    fake = np.tanh((psi0 * theta + psi1) / 2)
    slope = (
        game.push * np.sign(psi0) - game.shrink * psi0 - game.rate * (game.base + game.gain * fake) * theta
    )
    # half of sigmoid(-psi1) - sigmoid(C(theta)) by tanh, which avoids cancellation near 0
    offset = -game.rate * game.gain * (np.tanh(psi1 / 2) + fake)
    return psi0 + slope, psi1 + offset


def step_generator(psi0: Array, psi1: Array, theta: Array, game: Rules) -> Array:
    """Compute theta after a descent step on the metric; all (runs, seeds)."""
    fake = np.tanh((psi0 * theta + psi1) / 2)
    return theta + game.rate * (game.base + game.gain * fake) * psi0


def play(settings: Dirac, seed: int) -> Trajectories:
    """Play all `configurations(settings)` at once, from the same starts, which makes them comparable.

    A game that diverges is continued to the end and yields inf or NaN without a warning.
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
