"""`digits`: scikit-learn's bundled handwritten digits, resized to MNIST's format. Needs no download."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from regen.artifacts.datasets import SPLITS, Images

SPLIT_SEED = 1797  # fixed: the data set does not depend on the `seed` of params.yaml
LEVELS = 16  # largest intensity in the source
SIDE = 28  # pixels
TIES = 6  # decimals: some 300 pixels are half-way between two grey levels up to the last bit, which varies


def embedded_digits(sizes: tuple[int, int, int], side: int = SIDE) -> dict[str, Images]:
    """Split the digits into train, valid and test of those sizes, always in the same order.

    The images are (N, 1, side, side). The split does not depend on `side`.
    """
    from sklearn.datasets import load_digits  # slow to import, and only needed for this data set

    bunch = load_digits()
    pixels = upsample(torch.from_numpy(bunch.images).unsqueeze(1) / LEVELS, side)
    labels = torch.from_numpy(bunch.target).to(torch.int64)
    # RandomState is the only generator whose stream NumPy guarantees not to change (NEP 19).
    order = torch.from_numpy(np.random.RandomState(SPLIT_SEED).permutation(len(labels)))
    parts = zip(SPLITS, order.split(list(sizes)), strict=True)
    return {split: Images(pixels[part], labels[part]) for split, part in parts}


def upsample(images: Tensor, side: int = SIDE) -> Tensor:
    """Resize intensities (N, 1, 8, 8) in [0, 1] to (N, 1, side, side) uint8.

    Each image is first padded by two pixels, so that strokes that touch its edge fade out. The digit then
    fills two thirds of the side: about 19 of 28 pixels, compared to 20 in MNIST.
    """
    large = F.interpolate(F.pad(images, (2, 2, 2, 2)), size=(side, side), mode="bicubic", align_corners=False)
    grey = (large.clamp(0, 1) * 255).round(decimals=TIES)
    return grey.round().to(torch.uint8)
