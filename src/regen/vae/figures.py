"""The figures of one VAE run, from saved artifacts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from regen.figures import save_figure, use_style
from regen.grids import image_grid, snapshots
from regen.vae.networks import VAE
from regen.vae.observations import scale, to_pixels

COLUMNS = 8
"""Images in a row of reconstructions."""
ROWS = 4
"""Rows of images, and as many of their reconstructions."""


@dataclass(frozen=True)
class Artifacts:
    """What training left: the VAE and its samples by epoch, of its first seed; its history, of all seeds; and
    test images (N, D) uint8.
    """

    vae: VAE
    snapshots: Mapping[int, Tensor]
    history: pd.DataFrame
    test: Tensor


def draw(run: Artifacts, title: str, folder: Path, dpi: int) -> None:
    """Draw learning curves, samples over the epochs, and reconstructions."""
    with use_style():
        save_figure(learning_curves(run.history, title), folder / "learning_curves.png", dpi)
        shown = snapshots(run.snapshots, f"{title}: means of p(x|z), of the same z")
        save_figure(shown, folder / "samples.png", dpi)
        save_figure(reconstructions(run, title), folder / "reconstructions.png", dpi)


def learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Return -ELBO, reconstruction error and KL, train and valid, over epochs: a line a seed."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharex=True)
    names = {"negative_elbo": "-ELBO", "reconstruction": "reconstruction error", "kl": "KL(q || p)"}
    for ax, (term, name) in zip(axes, names.items(), strict=True):
        for colour, (split, style) in enumerate((("train", "--"), ("valid", "-"))):
            lines = history.pivot(index="epoch", columns="seed", values=f"{split}_{term}")
            label = [split, *[None] * (lines.shape[1] - 1)]
            ax.plot(lines, style, color=f"C{colour}", label=label)
        ax.set(title=name, xlabel="epoch", ylabel="nats an image")
    axes[0].legend()
    figure.suptitle(title, x=0.01, ha="left")
    return figure


@torch.no_grad()
def reconstructions(run: Artifacts, title: str) -> Figure:
    """Return rows of test images, each over a row of their reconstructions from the posterior's centre."""
    pixels = run.test[: ROWS * COLUMNS]
    means = run.vae.decode(run.vae.centre(scale(pixels))).sigmoid()
    pairs = torch.stack([pixels.unflatten(0, (-1, COLUMNS)), to_pixels(means).unflatten(0, (-1, COLUMNS))], 1)
    images = pairs.flatten(0, 2).unflatten(1, run.vae.shape)
    return image_grid(images, COLUMNS, f"{title}: test images over reconstructions")
