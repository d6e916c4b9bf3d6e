"""RealNVP on images: dequantised, brought to the real line by a logit, then affine couplings.

References:
    Density Estimation using Real NVP (Dinh, Sohl-Dickstein and Bengio, 2017), sections 3.4 and 4.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from regen.artifacts import load_weights
from regen.bijections import AffineCoupling, Composition, Logit, dequantise, quantise
from regen.errors import InputError
from regen.params import RealNvpRun

LOG_2PI = math.log(2 * math.pi)


def checkerboard(shape: tuple[int, ...]) -> Tensor:
    """Mask (C*H*W,) that is True where row and column differ in parity; alike in all channels."""
    channels, height, width = shape
    parity = (torch.arange(height)[:, None] + torch.arange(width)) % 2 == 1
    return parity.expand(channels, -1, -1).flatten()


def conditioner(kept: int, changed: int, hidden: list[int]) -> nn.Sequential:
    """Network of a coupling, zero at first: kept -> hidden, ReLU, ... -> 2 * changed.

    The paper's network sees the whole masked image and gives a scale and a shift for all of it: half of its
    first weights only ever meet zeros, half of its last outputs are thrown away. They are left out here: the
    same function, and the same distribution of initial weights, at two thirds of the cost.
    """
    widths = [kept, *hidden, 2 * changed]
    linear = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(widths)]
    for parameter in linear[0].parameters():
        nn.init.uniform_(parameter, -1 / math.sqrt(kept + changed), 1 / math.sqrt(kept + changed))
    for parameter in linear[-1].parameters():
        nn.init.zeros_(parameter)
    layers = [layer for each in linear for layer in (each, nn.ReLU())]
    return nn.Sequential(*layers[:-1])


@dataclass(frozen=True)
class Encoded:
    """What an image becomes: `z` (N, D), and the log-density of the dequantised image, (N,) nats."""

    z: Tensor
    log_prob: Tensor


class RealNVP(nn.Module):
    """A flow from images of `shape` (C, H, W) to a standard normal z of the same size D = C*H*W.

    Raises:
        ValueError: alpha or the number of couplings makes no flow.
    """

    def __init__(self, shape: tuple[int, ...], couplings: int, hidden: list[int], alpha: float) -> None:
        super().__init__()
        if couplings < 1:
            raise ValueError(f"couplings: {couplings}: should be at least 1")
        self.shape = shape
        self.logit = Logit(alpha)
        mask = checkerboard(shape)
        masks = [mask if i % 2 == 0 else ~mask for i in range(couplings)]
        self.couplings = nn.ModuleList(
            AffineCoupling(mask, conditioner(int(mask.sum()), int((~mask).sum()), hidden)) for mask in masks
        )

    @property
    def flow(self) -> Composition:
        """All maps from [0, 1]^D to the space of z."""
        return Composition([self.logit, *self.couplings])

    def encode(self, pixels: Tensor, noise: Tensor) -> Encoded:
        """Map `pixels` (N, D) uint8, dequantised by uniform `noise` (N, D), to z."""
        x, ladj = dequantise(pixels, noise)
        z, change = self.flow.forward(x)
        log_prior = -0.5 * (z.square() + LOG_2PI).sum(-1)
        return Encoded(z, log_prior + ladj + change)

    def decode(self, z: Tensor) -> Tensor:
        """Images x (N, D) in [0, 1], up to alpha, that `z` (N, D) stands for."""
        return self.flow.inverse(z)

    def bits_per_dimension(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """Bits per dimension -log2 p(x) / D of `pixels` (N, D) uint8, dequantised: an upper bound (N,)."""
        return self.encode(pixels, noise).log_prob / (-math.log(2) * pixels.shape[-1])

    def sample(self, noise: Tensor, temperature: float) -> Tensor:
        """Images (N, C, H, W) uint8 of z = temperature * `noise`, standard normal (N, D)."""
        return quantise(self.decode(temperature * noise)).unflatten(-1, self.shape)


def build_realnvp(name: str, run: RealNvpRun, shape: tuple[int, ...]) -> RealNVP:
    """Freshly initialised flow of `run`; InputError names run and parameter that make none."""
    if prod(shape) < 2:
        raise InputError(f"params.yaml: realnvp.{name}.data: images of shape {shape} have nothing to couple")
    try:
        return RealNVP(shape, run.couplings, run.hidden, run.alpha)
    except ValueError as error:
        raise InputError(f"params.yaml: realnvp.{name}: {error}") from None


def load_realnvp(name: str, run: RealNvpRun, shape: tuple[int, ...], weights: Path) -> RealNVP:
    """Trained flow of `run`; InputError where `weights` are absent or of another architecture."""
    flow = build_realnvp(name, run, shape)
    load_weights(flow, weights)
    return flow.eval()
