"""Grids of images, and several grids side by side."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

FRAME = 127
"""Grey level between images, of 255."""
PANELS = 4
"""Maximum number of grids side by side."""


def tile(images: Tensor, columns: int, frame: int = 1) -> Tensor:
    """Arrange `images` (N, C, H, W) uint8 in `columns` as one picture (height, width, C).

    Each image has a border of `frame` grey pixels.
    """
    images = F.pad(images, (0, 0, 0, 0, 0, 0, 0, -len(images) % columns))  # pad the last row
    framed = F.pad(images, (frame, frame, frame, frame), value=FRAME)
    return framed.unflatten(0, (-1, columns)).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)


def show(ax: Axes, images: Tensor, columns: int, title: str) -> None:
    """Draw `images` (N, C, H, W) uint8 into `ax`."""
    ax.imshow(tile(images, columns), vmin=0, vmax=255)
    ax.set_title(title)
    ax.set_axis_off()


def image_grid(images: Tensor, columns: int, title: str, width: float = 4.5) -> Figure:
    """Draw `images` (N, C, H, W) uint8 in a figure `width` inches wide."""
    picture = tile(images, columns)
    figure, ax = plt.subplots(figsize=(width, width * picture.shape[0] / picture.shape[1] + 0.35))
    show(ax, images, columns, title)
    return figure


def moment(at: int, unit: str = "epoch") -> str:
    """Title of samples taken after so many epochs or steps, as `unit` says."""
    return f"{unit} {at:,}" if at else "before training"


def snapshots(images: Mapping[int, Tensor], title: str, columns: int = 6, unit: str = "epoch") -> Figure:
    """Draw samples from the same noise at several moments, side by side: moment -> (N, C, H, W) uint8.

    Moments are counted in `unit`.
    """
    rows = -(-len(images) // PANELS)
    across = -(-len(images) // rows)
    figure, axes = plt.subplots(
        rows, across, figsize=(2.6 * across, 2.72 * rows + 0.26), squeeze=False, layout="compressed"
    )
    for ax, (at, shown) in zip(axes.flat, images.items(), strict=False):
        show(ax, shown[: columns**2], columns, moment(at, unit))
    for ax in axes.flat[len(images) :]:
        ax.set_axis_off()
    figure.suptitle(title, x=0.01, ha="left")
    return figure
