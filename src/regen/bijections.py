"""Invertible maps with their log-determinants, for flows and VAE posteriors.

Every map takes `forward(x) -> (y, ladj)`, with ladj = log|det dy/dx| in nats, and `inverse(y) -> x`.

References:
    Variational Inference with Normalizing Flows (Rezende and Mohamed, 2015): planar maps.
    Density Estimation using Real NVP (Dinh, Sohl-Dickstein and Bengio, 2017): affine coupling, logit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BISECTIONS = 60
"""Bisection steps of a planar map's inverse: enough for float64 precision where |w.u| < 100."""


class Mapped(NamedTuple):
    """Output of a map: `y` (..., d) and `ladj` (...), its log-determinant in nats."""

    y: Tensor
    ladj: Tensor


class Bijection(Protocol):
    """An invertible map of R^d or a subset of it."""

    def forward(self, x: Tensor) -> Mapped:
        """Map `x` (..., d) and compute the log-determinant of the Jacobian."""

    def inverse(self, y: Tensor) -> Tensor:
        """Compute the x (..., d) that `forward` maps to `y`."""


@dataclass(frozen=True)
class Composition:
    """A composition of maps; their log-determinants add up."""

    maps: Sequence[Bijection]

    def forward(self, x: Tensor) -> Mapped:
        """Apply the maps in order."""
        ladj = x.new_zeros(x.shape[:-1])
        for each in self.maps:
            x, change = each.forward(x)
            ladj = ladj + change
        return Mapped(x, ladj)

    def inverse(self, y: Tensor) -> Tensor:
        """Apply the inverses in reverse order."""
        for each in reversed(self.maps):
            y = each.inverse(y)
        return y


def invertible(u: Tensor, w: Tensor, dim: int) -> Tensor:
    """Move u along w so that w.u becomes -1 + log(1 + exp(w.u)) > -1, if w.u < -1 (appendix A.1).

    z + u tanh(w.z + b) is invertible only if w.u > -1. `u`, `w` (..., d, ...), with coordinates along `dim`,
    -> the same shape. Any other u is returned unchanged.
    """
    wu = (w * u).sum(dim, keepdim=True)
    corrected = wu < -1
    w2 = torch.where(
        corrected, w.square().sum(dim, keepdim=True), 1
    )  # never 0, so that gradients stay finite
    return torch.where(corrected, u + (F.softplus(wu) - 1 - wu) / w2 * w, u)


@dataclass(frozen=True)
class Planar:
    """z + u tanh(w.z + b), with `u`, `w` (..., d) and `b` (...), broadcast against z (..., d).

    Raises:
        ValueError: the shapes of u, w and b do not match.
    """

    u: Tensor
    w: Tensor
    b: Tensor

    def __post_init__(self) -> None:
        if self.u.shape != self.w.shape or self.b.shape != self.w.shape[:-1]:
            shapes = ", ".join(f"{name} {tuple(getattr(self, name).shape)}" for name in "uwb")
            raise ValueError(f"planar map: {shapes}: should be (..., d), (..., d) and (...)")

    def forward(self, x: Tensor) -> Mapped:
        """Map `x`; log|det J| = log|1 + (1 - h^2) w.u|, h = tanh(w.x + b): two dot products."""
        u = invertible(self.u, self.w, dim=-1)
        h = torch.tanh(_dot(self.w, x, "z") + self.b)
        ladj = (1 + (1 - h.square()) * (self.w * u).sum(-1)).abs().log()
        return Mapped(x + u * h[..., None], ladj)

    @torch.no_grad()
    def inverse(self, y: Tensor) -> Tensor:
        """Solve for z by bisection along w: a = w.z + b satisfies a + w.u tanh(a) = w.y + b, increasing in a.

        Not differentiable. Exact up to rounding unless w.u is close to -1, where the slope vanishes.
        """
        u = invertible(self.u, self.w, dim=-1)
        wu = (self.w * u).sum(-1)
        target = _dot(self.w, y, "y") + self.b
        low, high = target - wu.abs(), target + wu.abs()
        for _ in range(BISECTIONS):
            a = (low + high) / 2
            above = a + wu * torch.tanh(a) > target
            low, high = torch.where(above, low, a), torch.where(above, a, high)
        return y - u * torch.tanh((low + high) / 2)[..., None]


def _dot(w: Tensor, z: Tensor, name: str) -> Tensor:
    if z.shape[-1] != w.shape[-1]:
        raise ValueError(f"planar map: {name} {tuple(z.shape)}: should end in d = {w.shape[-1]}, as w does")
    return (w * z).sum(-1)


class AffineCoupling(nn.Module):
    """Affine coupling: entries kept by `mask` determine y = x exp(s) + t of the others, s in (-1, 1).

    `mask` (d,) bool is True where entries are kept. `network` maps the n kept entries to the 2 (d - n) values
    (raw s, t) of the others, with s = tanh(raw s).

    Raises:
        ValueError: the mask is not boolean, keeps all or none, or does not match the data or the network.
    """

    kept: Tensor
    changed: Tensor

    def __init__(self, mask: Tensor, network: nn.Module) -> None:
        super().__init__()
        if mask.dtype != torch.bool or mask.dim() != 1 or mask.all() or not mask.any():
            raise ValueError(
                f"coupling: mask {tuple(mask.shape)} of {mask.dtype}: should be (d,) of booleans, both kinds"
            )
        self.network = network
        self.register_buffer("kept", mask.nonzero()[:, 0], persistent=False)
        self.register_buffer("changed", (~mask).nonzero()[:, 0], persistent=False)

    def forward(self, x: Tensor) -> Mapped:
        """Scale and shift; ladj is the sum of the log-scales."""
        log_scale, shift = self._conditioned(x)
        moved = x[..., self.changed] * log_scale.exp() + shift
        return Mapped(x.index_copy(-1, self.changed, moved), log_scale.sum(-1))

    def inverse(self, y: Tensor) -> Tensor:
        """Undo shift and scale, computed from the kept entries."""
        log_scale, shift = self._conditioned(y)
        return y.index_copy(-1, self.changed, (y[..., self.changed] - shift) * (-log_scale).exp())

    def _conditioned(self, x: Tensor) -> tuple[Tensor, Tensor]:
        d = len(self.kept) + len(self.changed)
        if x.shape[-1] != d:
            raise ValueError(f"coupling: mask of size {d} for data {tuple(x.shape)}: should be the same size")
        out = self.network(x[..., self.kept]).to(x.dtype)
        if out.shape[-1] != 2 * len(self.changed):
            raise ValueError(
                f"coupling: network gives {out.shape[-1]} numbers: should be {2 * len(self.changed)}, "
                f"a scale and a shift for each entry that the mask does not keep"
            )
        raw, shift = out.chunk(2, dim=-1)
        return raw.tanh(), shift


@dataclass(frozen=True)
class Logit:
    """x in [0, 1] -> log(p / (1 - p)), p = alpha/2 + (1 - alpha) x, elementwise.

    Raises:
        ValueError: alpha is not between 0 and 1.
    """

    alpha: float

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"logit: alpha {self.alpha}: should be between 0 and 1")

    def forward(self, x: Tensor) -> Mapped:
        """Map `x`; dy/dx = (1 - alpha) / (p (1 - p))."""
        log_p, log_q = (((1 - self.alpha) * each + self.alpha / 2).log() for each in (x, 1 - x))
        ladj = -(log_p + log_q).sum(-1) + x.shape[-1] * math.log1p(-self.alpha)
        return Mapped(log_p - log_q, ladj)

    def inverse(self, y: Tensor) -> Tensor:
        """Compute x, which is in [0, 1] up to alpha."""
        return (y.sigmoid() - self.alpha / 2) / (1 - self.alpha)


def dequantise(pixels: Tensor, noise: Tensor) -> Mapped:
    """Dequantise `pixels` x (..., d) uint8 to (x + noise) / 256, with uniform `noise` in [0, 1).

    Returns the result with its ladj. The mean over the noise of its log-density, with ladj, is a lower bound
    of log P(x).
    """
    ladj = noise.new_full(pixels.shape[:-1], -pixels.shape[-1] * math.log(256))
    return Mapped((pixels + noise) / 256, ladj)


def quantise(x: Tensor) -> Tensor:
    """Quantise `x` (..., d) in [0, 1) to uint8 pixels, the inverse of dequantisation."""
    return (x * 256).floor().clamp(0, 255).to(torch.uint8)
