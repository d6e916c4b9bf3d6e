"""What a VAE sees of a data set's images."""

from collections.abc import Mapping

import torch
from torch import Tensor

from regen.artifacts.datasets import Images
from regen.training.device import cast, plain


def observations(images: Images, binarize: bool) -> Tensor:
    """Return what a VAE sees of `images`: (N, C*H*W) uint8, 0 and 255 only where `binarize`."""
    pixels = images.pixels.flatten(1)
    return (pixels > 127).to(torch.uint8) * 255 if binarize else pixels


def held_out(splits: Mapping[str, Images]) -> Images:
    """Return the images to validate on: the test images of a data set that has no others."""
    return splits.get("valid", splits["test"])


def scale(pixels: Tensor) -> Tensor:
    """Return uint8 pixels as numbers in [0, 1]."""
    return plain(cast(pixels)).div_(255)


def to_pixels(means: Tensor) -> Tensor:
    """Return intensities in [0, 1] as uint8 pixels."""
    return (means * 255).round().to(torch.uint8)
