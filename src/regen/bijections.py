"""Invertible maps with their log-determinants, for flows and for VAE posteriors alike.

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
"""Halvings of the bracket in a planar map's inverse: as many as float64 can tell apart where |w.u| < 100."""


class Mapped(NamedTuple):
    """What a map gives: `y` (..., d) and `ladj` (...), the log of its change of volume, in nats."""

    y: Tensor
    ladj: Tensor


class Bijection(Protocol):
    """An invertible map of R^d, or of a part of it."""

    def forward(self, x: Tensor) -> Mapped:
        """Map `x` (..., d) and give the log-determinant of the Jacobian."""

    def inverse(self, y: Tensor) -> Tensor:
        """Return the x (..., d) that `forward` maps to `y`."""


@dataclass(frozen=True)
class Composition:
    """The maps one after another: their log-determinants add up."""

    maps: Sequence[Bijection]

    def forward(self, x: Tensor) -> Mapped:
        """Apply the first map first."""
        ladj = x.new_zeros(x.shape[:-1])
        for each in self.maps:
            x, change = each.forward(x)
            ladj = ladj + change
        return Mapped(x, ladj)

    def inverse(self, y: Tensor) -> Tensor:
        """Undo the last map first."""
        for each in reversed(self.maps):
            y = each.inverse(y)
        return y


def invertible(u: Tensor, w: Tensor, dim: int) -> Tensor:
    """Return u, moved along w to where w.u = -1 + log(1 + exp(w.u)) > -1 if w.u < -1 (appendix A.1).

    Only then is z + u tanh(w.z + b) invertible. `u`, `w` (..., d, ...), coordinates along `dim` -> the same
    shape; any other u stays as it is.
    """
    wu = (w * u).sum(dim, keepdim=True)
    corrected = wu < -1
    w2 = torch.where(corrected, w.square().sum(dim, keepdim=True), 1)  # never 0, nor are its gradients then
    return torch.where(corrected, u + (F.softplus(wu) - 1 - wu) / w2 * w, u)


@dataclass(frozen=True)
class Planar:
    """z + u tanh(w.z + b), with `u`, `w` (..., d) and `b` (...), against which z (..., d) is broadcast.

    Raises:
        ValueError: the shapes of u, w and b do not fit together.
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
        """Return z by bisection along w: a = w.z + b solves a + w.u tanh(a) = w.y + b, whose left side rises.

        Without a gradient. Exact to rounding where w.u is clearly above -1, where the map has a slope.
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
    """Entries that `mask` keeps set scale and shift of the others: y = x exp(s) + t, s within (-1, 1).

    `mask` (d,) bool, True where kept. `network` maps the kept entries to (raw s, t) of the others,
    s = tanh(raw s): n kept -> 2 (d - n).

    Raises:
        ValueError: the mask is not of booleans, keeps all or nothing, or does not fit data or network.
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
        """Undo shift and scale, from the entries that are the same on both sides."""
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
    """x in [0, 1] -> log(p / (1 - p)), p = alpha/2 + (1 - alpha) x, elementwise: onto nearly all of R.

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
        """Return x, within [0, 1] up to alpha."""
        return (y.sigmoid() - self.alpha / 2) / (1 - self.alpha)


def dequantise(pixels: Tensor, noise: Tensor) -> Mapped:
    """Return (x + noise) / 256 and its ladj, for `pixels` x (..., d) uint8 and uniform `noise` in [0, 1).

    The density of the result, averaged over the noise, bounds the probability of x from below.
    """
    ladj = noise.new_full(pixels.shape[:-1], -pixels.shape[-1] * math.log(256))
    return Mapped((pixels + noise) / 256, ladj)


def quantise(x: Tensor) -> Tensor:
    """Return the uint8 pixels of which `x` (..., d) in [0, 1) is a dequantisation."""
    return (x * 256).floor().clamp(0, 255).to(torch.uint8)
