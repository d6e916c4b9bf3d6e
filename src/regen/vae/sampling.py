"""Images of a trained VAE: samples from the prior, decoded codes, reconstructions."""

from __future__ import annotations

import torch
from torch import Tensor

from regen.vae.networks import VAE
from regen.vae.observations import scale, to_pixels

BATCH = 500


def sample(vae: VAE, count: int, seed: int) -> Tensor:
    """Means of p(x|z) for `count` z from the prior, (N, C, H, W) uint8, on the VAE's device."""
    device = next(vae.parameters()).device
    z = torch.randn(count, vae.latent, generator=torch.Generator().manual_seed(seed)).to(device)
    return means(vae.eval(), z)


@torch.no_grad()
def reconstruct(vae: VAE, pixels: Tensor) -> Tensor:
    """Means of p(x|z) at the posterior's centres: `pixels` (N, D) uint8 -> (N, C, H, W) uint8."""
    vae.eval()
    return means(vae, torch.cat([vae.centre(scale(batch)) for batch in pixels.split(BATCH)]))


@torch.no_grad()
def means(vae: VAE, codes: Tensor) -> Tensor:
    """Means of p(x|z) for `codes` (N, latent), as images (N, C, H, W) uint8."""
    images = torch.cat([to_pixels(vae.decode(part).sigmoid()) for part in codes.split(BATCH)])
    return images.unflatten(-1, vae.shape)
