"""Images of a trained VAE, from the prior."""

from __future__ import annotations

import torch
from torch import Tensor

from regen.vae.networks import VAE
from regen.vae.observations import to_pixels

BATCH = 500


@torch.no_grad()
def sample(vae: VAE, count: int, seed: int) -> Tensor:
    """Return the means of p(x|z) for `count` z from the prior, (N, C, H, W) uint8, on the VAE's device."""
    vae.eval()
    device = next(vae.parameters()).device
    z = torch.randn(count, vae.latent, generator=torch.Generator().manual_seed(seed)).to(device)
    means = torch.cat([to_pixels(vae.decode(codes).sigmoid()) for codes in z.split(BATCH)])
    return means.unflatten(-1, vae.shape)
