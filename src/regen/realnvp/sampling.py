"""Images of a trained RealNVP."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regen.realnvp.networks import RealNVP

BATCH = 500


@torch.no_grad()
def sample(flow: RealNVP, count: int, temperature: float, seed: int) -> Tensor:
    """`count` images (N, C, H, W) uint8 of z with standard deviation `temperature`."""
    generator = torch.Generator().manual_seed(seed)
    device = next(flow.parameters()).device
    z = torch.randn(count, math.prod(flow.shape), generator=generator).to(device)
    return torch.cat([flow.sample(noise, temperature) for noise in z.split(BATCH)])
