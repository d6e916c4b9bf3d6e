"""`digits`: scikit-learn's bundled handwritten digits, brought to the size of MNIST's. No network needed."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from regen.artifacts.datasets import SPLITS, Images

SPLIT_SEED = 1797  # of the data set, which is one and the same whatever `seed` of params.yaml says
LEVELS = 16  # intensities of the source go from 0 to this
SIDE = 28  # pixels
TIES = 6  # decimals: some 300 pixels lie half-way between two grey levels, but for the last bit, which varies


def embedded_digits(sizes: tuple[int, int, int], side: int = SIDE) -> dict[str, Images]:
    """Return train, valid and test of the digits, of those sizes, in an order that is always the same.

    The images are (N, 1, side, side); which digit is in which split does not depend on `side`.
    """
    from sklearn.datasets import load_digits  # half of the stage's start-up, for this data set only

    bunch = load_digits()
    pixels = upsample(torch.from_numpy(bunch.images).unsqueeze(1) / LEVELS, side)
    labels = torch.from_numpy(bunch.target).to(torch.int64)
    # RandomState: the one generator whose stream NumPy promises never to change (NEP 19).
    order = torch.from_numpy(np.random.RandomState(SPLIT_SEED).permutation(len(labels)))
    parts = zip(SPLITS, order.split(list(sizes)), strict=True)
    return {split: Images(pixels[part], labels[part]) for split, part in parts}


def upsample(images: Tensor, side: int = SIDE) -> Tensor:
    """Return intensities (N, 1, 8, 8) in [0, 1] as (N, 1, side, side) uint8.

    A margin of two pixels goes around each image first: the strokes, which run up to its edges, fade out
    in it, and the digit fills two thirds of the side: about 19 of 28 pixels, as MNIST's fill 20.
    """
    large = F.interpolate(F.pad(images, (2, 2, 2, 2)), size=(side, side), mode="bicubic", align_corners=False)
    grey = (large.clamp(0, 1) * 255).round(decimals=TIES)
    return grey.round().to(torch.uint8)
