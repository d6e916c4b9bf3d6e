"""Images to what the networks see and back, and samples of a generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regen.training.device import cast, divided

SAMPLE_BATCH = 500
SNAPSHOT_IMAGES = 100
SNAPSHOT_SEED = 0
"""Of the codes of what is shown, alike in all runs."""


def scale(pixels: Tensor) -> Tensor:
    """Scale uint8 pixels to [-1, 1], with float32's digits in float64, too: see `regen.training.grid`."""
    return cast(divided(pixels, 127.5).sub_(1))


def to_pixels(images: Tensor) -> Tensor:
    """Convert images in [-1, 1] to uint8 pixels."""
    return ((images + 1) * 127.5).round().to(torch.uint8)


def noise(count: int, latent: int, seed: int, device: torch.device) -> Tensor:
    """Codes (count, latent), the same on every device, whatever batches they are used in."""
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(seed)).to(device)


def device_of(network: nn.Module) -> torch.device:
    """Device of a network's parameters."""
    return next(network.parameters()).device


@torch.no_grad()
def sample(generator: nn.Module, count: int, latent: int, seed: int, batch: int = SAMPLE_BATCH) -> Tensor:
    """`count` images (N, C, H, W) uint8 of `generator`, on its device, `batch` at a time.

    The generator is used as it is; in evaluation mode an image does not depend on the others.
    """
    codes = noise(count, latent, seed, device_of(generator))
    return torch.cat([to_pixels(generator(z)) for z in codes.split(batch)])
