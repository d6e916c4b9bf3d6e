"""`digits_color`: scikit-learn's digits blended with its two photographs as in MNIST-M. Needs no download.

MNIST-M: Y. Ganin et al., Domain-Adversarial Training of Neural Networks, 2016.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from regen.artifacts.datasets import SPLITS, Images

SEED = 2016  # fixed: the data set does not depend on the `seed` of params.yaml
TILE = 64  # pixels: side of the squares that the photographs are cut into; each belongs to one split
SHIFT = 2  # largest offset of a digit from the centre, in pixels; its margin is about 5
TURNS = {"train": (0, 1, 2, 3), "valid": (4,), "test": (5,)}  # split of each tile, by its number modulo 6


def coloured_digits(digits: Mapping[str, Images], sizes: tuple[int, int, int]) -> dict[str, Images]:
    """Blend the digits of each split with as many backgrounds as needed to reach `sizes`.

    digits: (N, 1, S, S). Returns (M, 3, S, S), where M is the split's size and a multiple of N: all digits
    once, then all of them again with other backgrounds. No two splits share a digit or any part of a
    photograph. Deterministic, except for differences between versions of the JPEG decoder.
    """
    # RandomState is the only generator whose stream NumPy guarantees not to change (NEP 19).
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
    """Deal the tiles (T, TILE, TILE, 3) out to the splits in turn, so that all splits look alike."""
    from sklearn.datasets import load_sample_images  # slow to import, as in digits.py

    tiles = np.concatenate([_tiles(photograph) for photograph in load_sample_images().images])
    turn = np.arange(len(tiles)) % 6
    return {split: tiles[np.isin(turn, turns)] for split, turns in TURNS.items()}


def _tiles(photograph: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut a photograph (H, W, 3) into whole tiles (T, TILE, TILE, 3)."""
    rows, columns = photograph.shape[0] // TILE, photograph.shape[1] // TILE
    whole = photograph[: rows * TILE, : columns * TILE]
    return whole.reshape(rows, TILE, columns, TILE, 3).swapaxes(1, 2).reshape(-1, TILE, TILE, 3)


def _over_tiles(
    masks: NDArray[np.uint8], tiles: NDArray[np.uint8], random: np.random.RandomState
) -> NDArray[np.uint8]:
    """Invert a random crop of a tile under each mask (S, S), slightly off centre: (N, 3, S, S)."""
    count, side = masks.shape[:2]
    which = random.randint(len(tiles), size=count)
    corners = random.randint(TILE - side + 1, size=(count, 2))
    shifts = random.randint(2 * SHIFT + 1, size=(count, 2))
    wide = np.pad(masks, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    backgrounds = _crops(tiles[which], corners, side).transpose(0, 3, 1, 2)
    strokes = _crops(wide, shifts, side)[:, None]
    # |background - stroke| without the wrap-around of unsigned bytes
    return np.ascontiguousarray(np.maximum(backgrounds, strokes) - np.minimum(backgrounds, strokes))


def _crops(images: NDArray[np.uint8], corners: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """Cut a square of that side out of each image (N, H, W, ...), starting at its corner (N, 2)."""
    rows, columns = corners[:, :, None].swapaxes(0, 1) + np.arange(side)
    numbers = np.arange(len(images))
    return images[numbers[:, None, None], rows[:, :, None], columns[:, None, :]]
