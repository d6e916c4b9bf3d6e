"""Ways from one code to another, and how evenly what they decode to changes.

References:
    Animating rotation with quaternion curves (Shoemake, 1985): the spherical way.
    Sampling generative networks (White, 2016): that way between codes.
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
"""sin(angle) / angle of two codes below which they are opposite, and no arc between them is shorter."""
CLASSES, POINTS = [2, 8], 10
"""The report's walk, whatever `figures.interpolation` shows: 10 points from a 2 to an 8."""
PAIRS = 100
"""Walks whose median is taken: the first 2 to the first 8, the second to the second, and so on."""


def linear(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return `steps` codes (..., steps, latent) on a line from `start` to `end` (..., latent), both there."""
    t = torch.linspace(0, 1, steps, device=start.device)[:, None]
    return (1 - t) * start[..., None, :] + t * end[..., None, :]


def spherical(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Return `steps` codes (steps, latent) from `start` to `end` (latent,) on an arc around the origin.

    At t it is (sin((1 - t) a) start + sin(t a) end) / sin(a), a the angle between them. Between codes of the
    same length all have it, as almost all the prior's draws have about the same in many dimensions. Codes of
    the same direction are joined by a line, and so are opposite ones, which no arc joins more than others.
    """
    t = torch.linspace(0, 1, steps, device=start.device)[:, None]
    share = angle(start, end) / math.pi
    if torch.sinc(share) < OPPOSITE:
        return linear(start, end, steps)
    weight = [part * torch.sinc(part * share) / torch.sinc(share) for part in (1 - t, t)]  # sin(a) may be 0
    return weight[0] * start + weight[1] * end


def angle(one: Tensor, other: Tensor) -> Tensor:
    """Return the angle between two vectors (D,), (); exact also near 0 and pi, where arccos is not."""
    u, v = (F.normalize(each, dim=0) for each in (one, other))
    return 2 * torch.atan2((u - v).norm(), (u + v).norm())


def firsts(labels: Tensor, classes: list[int], count: int) -> Tensor:
    """Return where the first images of each class are, (classes, at most `count`): as many of each.

    Raises:
        InputError: a class is not among the labels (N,).
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
    """Return whether both of CLASSES are among the labels (N,), None where the data has none."""
    return labels is not None and set(CLASSES) <= set(labels.unique().tolist())


@torch.no_grad()
def largest_step(vae: VAE, pixels: Tensor, labels: Tensor) -> float:
    """Return the largest step of a walk from a 2 to an 8 over the mean step; the median of the walks.

    A walk is a line of POINTS codes between the posteriors' centres; a step is the RMS difference of the
    pixels of neighbouring means of p(x|z). 1: all steps are equal; 9: one jump; NaN: nothing changes.

    pixels: (N, D) uint8; labels: (N,), with both of CLASSES
    """
    vae.eval()
    start, end = (vae.centre(scale(pixels[places])) for places in firsts(labels, CLASSES, PAIRS))
    images = vae.decode(linear(start, end, POINTS)).sigmoid()  # (pairs, POINTS, D)
    steps = images.diff(dim=1).square().mean(-1).sqrt()
    return float((steps.amax(1) / steps.mean(1)).quantile(0.5))
