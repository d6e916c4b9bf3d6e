"""Two-dimensional targets: log-densities, exact samples, and the course reports' files of points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from regen.data.catalog import RemoteFile
from regen.errors import InputError

POINTS = 5000
GRID = 2000
"""Cells per side of the grid for computing a normaliser, with an error below 1e-9."""


def arcs(z0: Tensor, z1: Tensor) -> Tensor:
    """Log-density of two arcs of a ring, up to its normaliser; elementwise."""
    sides = torch.logaddexp(_bell(z0 - 2, 0.6), _bell(z0 + 2, 0.6))
    return sides + _bell(torch.hypot(z0, z1) - 2, 0.4)


def sine(z0: Tensor, z1: Tensor) -> Tensor:
    """Log-density of a band around sin(2 pi z0 / 4), unbounded along z0 and so not normalisable."""
    return _bell(z1 - (2 * math.pi / 4 * z0).sin(), 0.4)


def _bell(x: Tensor, sigma: float) -> Tensor:
    """Evaluate -(x / sigma)^2 / 2."""
    return x.square() * (-0.5 / sigma**2)


@dataclass(frozen=True)
class Target:
    """An unnormalised log-density, at most log 2, and the box in which it is sampled."""

    log_density: Callable[[Tensor, Tensor], Tensor]
    box: tuple[float, float]
    """Half the sides of the box: samples have |z0| and |z1| below these."""
    proper: bool
    """Whether nearly all of the mass is in the box, so that a normaliser exists."""
    file: RemoteFile

    def log_normaliser(self) -> float:
        """Log of the integral of exp(log_density) over the box, in nats."""
        return float(self._grid().logsumexp(0) + math.log(4 * math.prod(self.box) / GRID**2))

    def entropy(self) -> float:
        """Entropy in nats of the density restricted to the box: no density's expected NLL is lower."""
        log_p = self._grid()
        log_z = log_p.logsumexp(0)
        expected = ((log_p - log_z).exp() * log_p).sum()
        return self.log_normaliser() - float(expected)

    def _grid(self) -> Tensor:
        """Log-density at the centres of the cells, (GRID^2,) float64."""
        centres = (torch.arange(GRID, dtype=torch.float64) + 0.5) / GRID * 2 - 1
        z0, z1 = (side * centres for side in self.box)
        return self.log_density(z0[:, None], z1[None]).flatten()


TARGETS = {
    "arcs": Target(
        arcs,
        box=(5.0, 5.0),
        proper=True,
        file=RemoteFile(
            "data_arcs.npy",
            "928bd0c4517858e67809bf5b8afd4eb675e531c58c66e8e66b57f54cd5c49550",
            40_128,
            names=("data_arcs.npy",),
        ),
    ),
    "sine": Target(
        sine,
        box=(5.0, 5.0),
        proper=False,
        file=RemoteFile(
            "data_sine.npy",
            "a01fe5a3d14ec31525dd42e3519522006b38938e468a0233fcc7dde30aa516de",
            40_128,
            names=("data_sine.npy",),
        ),
    ),
}


def sample(target: Target, count: int, generator: torch.Generator) -> Tensor:
    """Draw exact samples (count, 2) of the target in its box, by rejection from the uniform density.

    In float64, regardless of the training precision.
    """
    box = torch.tensor(target.box, dtype=torch.float64)
    accepted = torch.empty(0, 2, dtype=torch.float64)
    while len(accepted) < count:
        z = (2 * torch.rand(10 * count, 2, generator=generator, dtype=torch.float64) - 1) * box
        height = torch.rand(len(z), generator=generator, dtype=torch.float64).log() + math.log(2)
        accepted = torch.cat([accepted, z[height < target.log_density(*z.unbind(-1))]])
    return accepted[:count]


def generate(seed: int) -> dict[str, Tensor]:
    """Draw POINTS samples (POINTS, 2) of every target."""
    return {
        name: sample(target, POINTS, torch.Generator().manual_seed(seed)) for name, target in TARGETS.items()
    }


def load(paths: Mapping[str, Path]) -> dict[str, Tensor]:
    """Read the points of every target from its file, float32 (POINTS, 2).

    Raises:
        InputError: a file is not an array of that shape.
    """
    return {name: _load(paths[target.file.name]) for name, target in TARGETS.items()}


def _load(path: Path) -> Tensor:
    try:
        with path.open("rb") as file:
            points = np.lib.format.read_array(file, allow_pickle=False)  # np.load also accepts .npz
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not an array of numbers ({error})") from None
    if points.dtype.kind not in "fiu":
        raise InputError(f"{path}: not an array of numbers (of {points.dtype})")
    with np.errstate(over="ignore"):
        points = points.astype(np.float32)
    if points.shape != (POINTS, 2) or not np.isfinite(points).all():
        raise InputError(f"{path}: {points.shape}: should be ({POINTS}, 2), all finite")
    return torch.from_numpy(points)
