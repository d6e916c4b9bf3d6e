"""Interpolation between codes, and the evenness of the decoded images along it.

References:
    Animating rotation with quaternion curves (Shoemake, 1985): spherical interpolation.
    Sampling generative networks (White, 2016): its use between codes.
"""

from __future__ import annotations

import math
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor

from regen.errors import InputError
from regen.vae.networks import VAE
from regen.vae.observations import scale

OPPOSITE = 1e-3
"""Codes with sin(angle) / angle below this count as opposite, with no unique shortest arc."""
CLASSES, POINTS = [2, 8], 10
"""The course report's walk, independent of `figures.interpolation`: 10 points from a 2 to an 8."""
PAIRS = 100
"""Walks of which the median is taken: from the first 2 to the first 8, the second to the second, etc."""


def linear(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Place `steps` codes (..., steps, latent) on a line from `start` to `end` (..., latent), inclusive."""
    t = torch.linspace(0, 1, steps, device=start.device)[:, None]
    return (1 - t) * start[..., None, :] + t * end[..., None, :]


def spherical(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Place `steps` codes (steps, latent) from `start` to `end` (latent,) on an arc around the origin.

    The code at t is (sin((1 - t) a) start + sin(t a) end) / sin(a), where a is the angle between the ends.
    Between codes of equal length all have that length, as have almost all draws from the prior in high
    dimensions. Codes of the same direction, and opposite ones, which have no unique arc, are joined by a
    line.
    """
    t = torch.linspace(0, 1, steps, device=start.device)[:, None]
    share = angle(start, end) / math.pi
    if torch.sinc(share) < OPPOSITE:
        return linear(start, end, steps)
    weight = [part * torch.sinc(part * share) / torch.sinc(share) for part in (1 - t, t)]  # sin(a) may be 0
    return weight[0] * start + weight[1] * end


def angle(one: Tensor, other: Tensor) -> Tensor:
    """Angle between two vectors (D,) -> (); accurate near 0 and pi, unlike arccos."""
    u, v = (F.normalize(each, dim=0) for each in (one, other))
    return 2 * torch.atan2((u - v).norm(), (u + v).norm())


def firsts(labels: Tensor, classes: list[int], count: int) -> Tensor:
    """Find the first images of each class: indices (classes, at most `count`), equally many of each.

    Raises:
        InputError: a class is missing from the labels (N,).
    """
    there = labels.unique().tolist()
    if absent := [each for each in classes if each not in there]:
        raise InputError(
            f"params.yaml: figures.interpolation.classes: {classes}: no test image is of class {absent[0]}; "
            f"allowed: {', '.join(map(str, there))}"
        )
    places = [(labels == each).nonzero()[:count, 0] for each in classes]
    return torch.stack([each[: min(map(len, places))] for each in places])


def can_walk(labels: Tensor | None) -> TypeGuard[Tensor]:
    """Whether both of CLASSES are among the labels (N,); `labels` is None for data without labels."""
    return labels is not None and set(CLASSES) <= set(labels.unique().tolist())


@torch.no_grad()
def largest_step(vae: VAE, pixels: Tensor, labels: Tensor) -> float:
    """Ratio of the largest to the mean step of a walk from a 2 to an 8; median over the walks.

    A walk is a line of POINTS codes between the posteriors' centres; a step is the RMS difference of the
    pixels of consecutive means of p(x|z). 1: all steps are equal; 9: a single jump; NaN: no change at all.

    pixels: (N, D) uint8; labels: (N,), with both of CLASSES
    """
    vae.eval()
    start, end = (vae.centre(scale(pixels[places])) for places in firsts(labels, CLASSES, PAIRS))
    images = vae.decode(linear(start, end, POINTS)).sigmoid()  # (pairs, POINTS, D)
    steps = images.diff(dim=1).square().mean(-1).sqrt()
    return float((steps.amax(1) / steps.mean(1)).quantile(0.5))
