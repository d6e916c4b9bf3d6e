"""Single planar maps of normal samples, with the (u, w, b) of the course report."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from regen.bijections import Planar, invertible

POINTS = 1000
SETTINGS = [(0.0, 0.01, 0.0)] + [
    (mean, variance, b)
    for mean, variance in ((10.0, 100.0), (50.0, 100.0), (500.0, 1000.0))
    for b in (0.0, 10.0, 100.0)
]
"""Mean and variance of the entries of u and w, and b."""
UNCHANGED = 0.1
"""Largest displacement at which the samples look unchanged."""
SATURATED = 0.99
"""Points with |tanh| above this move by nearly u or -u."""

MOST, FEW = 0.75, 0.01
"""Minimum shares of points that are saturated, and that form a group, for samples to be in groups."""


@dataclass(frozen=True)
class Mapping:
    """One map: its settings, its parameters (2,), and the points (N, 2) before and after."""

    mean: float
    variance: float
    map: Planar
    before: Tensor
    after: Tensor

    @property
    def h(self) -> Tensor:
        """tanh(w.z + b) of each point (N,); its sign is the direction in which the point moves along u."""
        return torch.tanh(self.before @ self.map.w + self.map.b)

    @property
    def smaller_group(self) -> float:
        """Share of points that move in the less frequent direction."""
        positive = float((self.h > 0).double().mean())
        return min(positive, 1 - positive)

    @property
    def largest_move(self) -> float:
        """Largest displacement of a point."""
        return float((self.after - self.before).norm(dim=-1).max())

    @property
    def verdict(self) -> str:
        """'unchanged', 'two groups', 'one group' (all points move alike), or 'bent'."""
        if self.largest_move < UNCHANGED:
            return "unchanged"
        if float((self.h.abs() > SATURATED).double().mean()) < MOST:
            return "bent"
        return "two groups" if self.smaller_group >= FEW else "one group"


def map_points(seed: int) -> list[Mapping]:
    """Map the same POINTS normal samples with each of SETTINGS."""
    generator = torch.Generator().manual_seed(seed)
    before = torch.randn(POINTS, 2, generator=generator, dtype=torch.float64)
    mappings = []
    for mean, variance, b in SETTINGS:
        u, w = mean + variance**0.5 * torch.randn(2, 2, generator=generator, dtype=torch.float64)
        planar = Planar(u, w, torch.tensor(b, dtype=torch.float64))
        mappings.append(Mapping(mean, variance, planar, before, planar.forward(before).y))
    return mappings


def table(mappings: list[Mapping]) -> pd.DataFrame:
    """Table with one row per map: its parameters, its effect, and whether u was corrected."""
    rows = []
    for each in mappings:
        u = invertible(each.map.u, each.map.w, dim=-1)
        rows.append(
            {
                "mean": each.mean,
                "variance": each.variance,
                "b": float(each.map.b),
                "u_corrected": not torch.equal(u, each.map.u),
                "largest_move": each.largest_move,
                "smaller_group": each.smaller_group,
                "verdict": each.verdict,
            }
        )
    return pd.DataFrame(rows)
