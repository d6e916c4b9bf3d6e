"""Time the Dirac games: all twenty at once, against a plain autograd loop that plays one after another.

    python -m benchmarks.dirac

Both play the runs of the course: two metrics, no penalty or 0.01 and 0.1 of R1 and GP, with and without an
average, one start, 5000 iterations. The plain loop plays the first 250 of them and its time is multiplied by
20; an iteration costs the same throughout.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from benchmarks.timing import HEADING, Timing, compare
from regen.dirac.game import Configuration, configurations, draw_starts, play
from regen.params import Dirac

SETTINGS = Dirac(
    seeds=1, iterations=5000, learning_rate=0.1, start_scale=0.7, coefficients=[0.01, 0.1], ema=0.998
)
SHORT = 250
"""Iterations that the plain loop is timed on."""


class Point(nn.Module):
    """The generator: a point."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([[theta]]))

    def forward(self) -> Tensor:
        """Return the point, (1, 1)."""
        return self.theta


def metric(run: Configuration, real: Tensor, fake: Tensor) -> Tensor:
    """Return the metric that the critic's outputs on real and fake give."""
    if run.metric == "w1":
        return (real - fake).mean()
    return (logsigmoid(real).mean() + logsigmoid(-fake).mean() + np.log(4)) / 2


def penalty(run: Configuration, critic: nn.Linear, real: Tensor, fake: Tensor) -> Tensor:
    """Return the penalty on the critic's slope."""
    if run.penalty == "none":
        return torch.zeros(())
    share = torch.rand(()) if run.penalty == "gp" else 1.0
    point = (share * real + (1 - share) * fake.detach()).requires_grad_()
    (slope,) = torch.autograd.grad(critic(point).sum(), point, create_graph=True)
    wanted = 1.0 if run.penalty == "gp" else 0.0
    return run.coefficient * ((slope.norm(dim=1) - wanted) ** 2).mean()


def play_plainly(run: Configuration, start: np.ndarray, iterations: int) -> np.ndarray:
    """Return theta at each iteration, played as the course's code plays one run: modules and optimisers."""
    critic, generator, real = nn.Linear(1, 1), Point(float(start[2])), torch.zeros(1, 1)
    with torch.no_grad():
        critic.weight.fill_(start[0])
        critic.bias.fill_(start[1])
    ascend = torch.optim.SGD(critic.parameters(), lr=SETTINGS.learning_rate)
    descend = torch.optim.SGD(generator.parameters(), lr=SETTINGS.learning_rate)
    average, path = generator.theta.item(), [generator.theta.item()]
    for _ in range(iterations):
        ascend.zero_grad()
        fake = generator()
        loss = penalty(run, critic, real, fake) - metric(run, critic(real), critic(fake.detach()))
        loss.backward()
        ascend.step()
        descend.zero_grad()
        metric(run, critic(real), critic(generator())).backward()
        descend.step()
        path.append(generator.theta.item())
        average += (1 - SETTINGS.ema) * (path[-1] - average)
    return np.array(path)


def measure() -> list[Timing]:
    """Time all runs; assert first that both ways play the same games."""
    runs, start = configurations(SETTINGS), draw_starts(SETTINGS, 1)[:, 0]
    theta = play(SETTINGS, 1).theta[:, 0, : SHORT + 1]

    def plain() -> None:
        paths = np.array([play_plainly(run, start, SHORT) for run in runs])
        assert np.abs(paths - theta).max() < 1e-5

    timing = compare(
        f"20 Dirac runs, {SETTINGS.iterations} iterations, 1 seed",
        lambda: play(SETTINGS, 1),
        plain,
        target="0.5 s",
        repeats=3,
        plain_part=SHORT / SETTINGS.iterations,
    )
    return [timing]


if __name__ == "__main__":
    print(HEADING)
    for timing in measure():
        print(timing.row())
