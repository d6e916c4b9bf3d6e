"""Planar flows on two-dimensional points: the runs, and joint training of all runs of the same depth.

`planar_*` runs are trained from samples of a target: the flow maps the points to a standard normal, and the
loss is -log p(x) = -log N(f(x)) - ladj. `density_*` runs are trained from the target's log-density: the flow
maps normal samples to the target, and the loss is log q(z) - log p(z), whose mean is KL(q || p) up to the
target's normaliser (Rezende and Mohamed 2015, eq. 15).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import torch
from torch import Tensor
from tqdm import tqdm

from regen.bijections import Composition, Planar
from regen.errors import RunError
from regen.params import Flow
from regen.planar.stack import planar_stack
from regen.planar.targets import TARGETS
from regen.training.checkpoint import Checkpoint
from regen.training.device import cast

CHUNK = 500
"""Iterations whose random numbers are drawn at once, and between checkpoints."""
LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Run:
    """One flow to train."""

    target: str
    source: Literal["samples", "density"]
    layers: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the run, shared by its seeds."""
        return f"{'planar' if self.source == 'samples' else 'density'}_{self.target}_{self.layers}"


def runs_of(layers: int, seeds: range) -> list[Run]:
    """List all runs of `layers` maps: those from samples first, by target, then by seed."""
    return [
        Run(target, source, layers, seed)
        for source in ("samples", "density")
        for target in TARGETS
        for seed in seeds
    ]


@dataclass(frozen=True)
class Flows:
    """Trained flows: `u`, `w` (k, 2, R), `b` (k, R), and the minibatch losses (iterations, R) in nats."""

    u: Tensor
    w: Tensor
    b: Tensor
    losses: Tensor

    def __getitem__(self, run: int) -> Composition:
        """Build one flow from its maps, in float64."""
        layers = zip(*(each[..., run].double() for each in (self.u, self.w, self.b)), strict=True)
        return Composition([Planar(u, w, b) for u, w, b in layers])


def train(runs: list[Run], points: Mapping[str, Tensor], settings: Flow, checkpoint: Checkpoint) -> Flows:
    """Train all `runs` of one depth together on the CPU.

    Each run gives the same result as alone, up to rounding. `points` are the targets' samples (N, 2). Resumes
    from `checkpoint` if it has a state.

    Raises:
        RunError: a loss or a parameter is not finite.
    """
    generators = [torch.Generator().manual_seed(run.seed) for run in runs]
    parameters = _initialised(runs[0].layers, generators, settings.init_scale)
    optimizer = torch.optim.RMSprop(parameters, lr=settings.learning_rate)
    losses = torch.empty(settings.iterations, len(runs))
    objective = Objective.of(runs)
    done = _resume(checkpoint, parameters, optimizer, generators, losses)
    name = f"planar flows, k={runs[0].layers}"
    with tqdm(total=settings.iterations, initial=done, desc=name, unit="step", disable=None) as bar:
        for start in range(done, settings.iterations, CHUNK):
            batches = torch.stack(
                [_batches(*each, points, settings.batch_size) for each in zip(runs, generators, strict=True)],
                2,
            )
            here = losses[start : start + CHUNK]
            for loss, batch in zip(here, batches, strict=False):
                optimizer.zero_grad()
                each = objective.losses(batch, *parameters)
                each.backward(torch.ones_like(each))
                optimizer.step()
                loss.copy_(each.detach())
            here += objective.constants(batches)[: len(here)]
            _check_finite(torch.cat([here, _sums(parameters)]), start, runs, settings)
            bar.update(len(here))
            _save(checkpoint, start + len(here), parameters, optimizer, generators, losses)
    u, w, b = (each.detach().squeeze(-1) for each in parameters)
    return Flows(u, w, b, losses)


def _initialised(layers: int, generators: list[torch.Generator], scale: float) -> list[Tensor]:
    """Initialise u, w ~ scale N(0, 1) and b = 0, in the shapes of `planar.stack`."""
    uw = torch.stack([torch.randn(2, layers, 2, generator=each) for each in generators], -1)
    u, w = (scale * uw)[..., None]
    b = torch.zeros(layers, len(generators), 1)
    return [each.clone().requires_grad_() for each in (u, w, b)]


def _batches(run: Run, generator: torch.Generator, points: Mapping[str, Tensor], batch_size: int) -> Tensor:
    """Draw CHUNK batches (CHUNK, 2, batch_size): points with replacement, or normal samples."""
    if run.source == "density":
        return torch.randn(CHUNK, 2, batch_size, generator=generator)
    data = cast(points[run.target])
    chosen = torch.randint(len(data), (CHUNK, batch_size), generator=generator)
    return data[chosen].transpose(1, 2)


@dataclass(frozen=True)
class Objective:
    """The losses of `runs`: E(z) - ladj + c, where z is the image of x.

    From samples, E is -log N(z) and c is 0. From a density, E is -log p(z) and c is log N(x), which does not
    affect gradients. Consecutive runs with the same E are computed together.
    """

    energies: list[Callable[[Tensor], Tensor]]
    sizes: list[int]
    from_density: Tensor
    """Mask of the runs trained from a density, (R,) bool."""

    @classmethod
    def of(cls, runs: list[Run]) -> Objective:
        """Build the objective of runs in any order."""
        targets = [run.target if run.source == "density" else "" for run in runs]
        groups = [(name, len(list(group))) for name, group in groupby(targets)]
        energies = [_target_energy(name) if name else _normal_energy for name, _ in groups]
        return cls(energies, [size for _, size in groups], torch.tensor([bool(name) for name in targets]))

    def constants(self, x: Tensor) -> Tensor:
        """Mean of c over batches `x` (..., 2, R, B): (..., R) nats."""
        log_normal = -_normal_energy(x.movedim(-3, 0)).mean(-1)
        return torch.where(self.from_density, log_normal, 0)

    def losses(self, x: Tensor, u: Tensor, w: Tensor, b: Tensor) -> Tensor:
        """Mean loss of each run without c, (R,) nats, on its batch of `x` (2, R, B)."""
        z, ladj = planar_stack(x, u, w, b)
        parts = zip(self.energies, z.split(self.sizes, 1), strict=True)
        return (torch.cat([energy(part) for energy, part in parts]) - ladj).mean(-1)


def _normal_energy(z: Tensor) -> Tensor:
    """Energy -log N(z; 0, I) of points (2, ...) in nats."""
    return 0.5 * z.square().sum(0) + LOG_2PI


def _target_energy(name: str) -> Callable[[Tensor], Tensor]:
    log_density = TARGETS[name].log_density
    return lambda z: -log_density(z[0], z[1])


def _sums(parameters: list[Tensor]) -> Tensor:
    """Sum of each run's parameters, (1, R), which is finite only if all of them are."""
    return torch.cat([each.detach().flatten(0, -3) for each in parameters]).sum((0, 2))[None]


def _check_finite(losses: Tensor, start: int, runs: list[Run], settings: Flow) -> None:
    """Raise a RunError naming the first run and iteration whose loss is not finite."""
    bad = (~losses.isfinite()).nonzero()
    if len(bad):
        iteration, index = bad[0].tolist()
        run = runs[index]
        raise RunError(
            f"{run.name}, seed {run.seed}: the loss is not finite at iteration {start + iteration + 1}: "
            f"a Jacobian is singular or u, w or b is not finite, with flow.learning_rate "
            f"{settings.learning_rate:g} and flow.init_scale {settings.init_scale:g}. Try smaller ones."
        )


def _save(
    checkpoint: Checkpoint,
    done: int,
    parameters: list[Tensor],
    optimizer: torch.optim.Optimizer,
    generators: list[torch.Generator],
    losses: Tensor,
) -> None:
    checkpoint.save(
        {
            "done": done,
            "parameters": [each.detach() for each in parameters],
            "optimizer": optimizer.state_dict(),
            "generators": [each.get_state() for each in generators],
            "losses": losses[:done].clone(),
        }
    )


def _resume(
    checkpoint: Checkpoint,
    parameters: list[Tensor],
    optimizer: torch.optim.Optimizer,
    generators: list[torch.Generator],
    losses: Tensor,
) -> int:
    """Restore the state from `checkpoint`; return the number of finished iterations."""
    state: dict[str, Any] | None = checkpoint.load()
    if state is None:
        return 0
    for parameter, value in zip(parameters, state["parameters"], strict=True):
        parameter.data.copy_(value)
    optimizer.load_state_dict(state["optimizer"])
    for generator, value in zip(generators, state["generators"], strict=True):
        generator.set_state(value)
    losses[: state["done"]] = state["losses"]
    return int(state["done"])
