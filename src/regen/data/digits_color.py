"""`digits_color`: scikit-learn's digits over its two photographs, blended as MNIST-M is. No network needed.

MNIST-M: Y. Ganin et al., Domain-Adversarial Training of Neural Networks, 2016.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from regen.artifacts.datasets import SPLITS, Images

SEED = 2016  # of the data set, which is one and the same whatever `seed` of params.yaml says
TILE = 64  # pixels: the photographs are cut into squares of this side, and each belongs to one split
SHIFT = 2  # pixels that a digit may be off centre, each way; about 5 are free around it
TURNS = {"train": (0, 1, 2, 3), "valid": (4,), "test": (5,)}  # whose each tile is, counted modulo 6


def coloured_digits(digits: Mapping[str, Images], sizes: tuple[int, int, int]) -> dict[str, Images]:
    """Return the splits of `digits`, each digit over as many backgrounds as it takes to reach `sizes`.

    digits: (N, 1, S, S). Returns (M, 3, S, S), M being the split's size and a multiple of N: all digits
    once, then all of them again over other backgrounds. No two splits share a digit or any part of a
    photograph. The same every time, but for what two versions of a JPEG decoder differ by.
    """
    # RandomState: the one generator whose stream NumPy promises never to change (NEP 19).
    random = np.random.RandomState(SEED)
    splits = {}
    tiles = photograph_tiles()
    for split, size in zip(SPLITS, sizes, strict=True):
        images = digits[split]
        copies = size // len(images.pixels)
        masks = images.pixels.squeeze(1).repeat(copies, 1, 1).numpy()
        pixels = torch.from_numpy(_over_tiles(masks, tiles[split], random))
        splits[split] = Images(pixels, None if images.labels is None else images.labels.repeat(copies))
    return splits


def photograph_tiles() -> dict[str, NDArray[np.uint8]]:
    """Return the tiles (T, TILE, TILE, 3) of each split: taken by turns, so that all splits look alike."""
    from sklearn.datasets import load_sample_images  # half of the stage's start-up, as in digits.py

    tiles = np.concatenate([_tiles(photograph) for photograph in load_sample_images().images])
    turn = np.arange(len(tiles)) % 6
    return {split: tiles[np.isin(turn, turns)] for split, turns in TURNS.items()}


def _tiles(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the whole tiles (T, TILE, TILE, 3) of a photograph (H, W, 3)."""
    rows, columns = photograph.shape[0] // TILE, photograph.shape[1] // TILE
    whole = photograph[: rows * TILE, : columns * TILE]
    return whole.reshape(rows, TILE, columns, TILE, 3).swapaxes(1, 2).reshape(-1, TILE, TILE, 3)


def _over_tiles(
    masks: NDArray[np.uint8], tiles: NDArray[np.uint8], random: np.random.RandomState
) -> NDArray[np.uint8]:
    """Return (N, 3, S, S): each mask (S, S), a little off centre, inverts a crop of one of the tiles."""
    count, side = masks.shape[:2]
    which = random.randint(len(tiles), size=count)
    corners = random.randint(TILE - side + 1, size=(count, 2))
    shifts = random.randint(2 * SHIFT + 1, size=(count, 2))
    wide = np.pad(masks, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    backgrounds = _crops(tiles[which], corners, side).transpose(0, 3, 1, 2)
    strokes = _crops(wide, shifts, side)[:, None]
    # |background - stroke|, of bytes, which would wrap around below zero
    return np.ascontiguousarray(np.maximum(backgrounds, strokes) - np.minimum(backgrounds, strokes))


def _crops(images: NDArray[np.uint8], corners: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """Return the square of that side out of each image (N, H, W, ...) that starts at its corner (N, 2)."""
    rows, columns = corners[:, :, None].swapaxes(0, 1) + np.arange(side)
    numbers = np.arange(len(images))
    return images[numbers[:, None, None], rows[:, :, None], columns[:, None, :]]
