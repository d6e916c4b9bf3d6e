"""Conversion of a data set's images to inputs of a VAE."""

from collections.abc import Mapping

import torch
from torch import Tensor

from regen.artifacts.datasets import Images
from regen.training.device import cast, divided


def observations(images: Images, binarize: bool) -> Tensor:
    """Flatten `images` to (N, C*H*W) uint8, rounded to 0 and 255 if `binarize`."""
    pixels = images.pixels.flatten(1)
    return (pixels > 127).to(torch.uint8) * 255 if binarize else pixels


def held_out(splits: Mapping[str, Images]) -> Images:
    """Images for validation: the test images if the data set has no validation split."""
    return splits.get("valid", splits["test"])


def scale(pixels: Tensor) -> Tensor:
    """Scale uint8 pixels to [0, 1], with float32's digits in float64, too: see `regen.training.grid`."""
    return cast(divided(pixels, 255))


def to_pixels(means: Tensor) -> Tensor:
    """Convert intensities in [0, 1] to uint8 pixels."""
    return (means * 255).round().to(torch.uint8)
