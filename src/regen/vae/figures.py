"""The figures of one VAE run, from saved artifacts only."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from regen.figures import save_figure, use_style
from regen.vae.networks import VAE
from regen.vae.observations import scale

GRID = 8
"""Images a side of a sample grid."""


def draw(
    vae: VAE,
    pixels: Tensor,
    shape: tuple[int, ...],
    history: pd.DataFrame,
    title: str,
    folder: Path,
    dpi: int,
) -> None:
    """Draw learning curves, samples, and reconstructions of the first of `pixels` (N, D) uint8."""
    with use_style():
        save_figure(learning_curves(history, title), folder / "learning_curves.png", dpi)
        save_figure(samples(vae, shape, title), folder / "samples.png", dpi)
        save_figure(
            reconstructions(vae, pixels[: GRID * GRID // 2], shape, title),
            folder / "reconstructions.png",
            dpi,
        )


def learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Return -ELBO, reconstruction error and KL, train and valid, over epochs."""
    figure, axes = plt.subplots(1, 3, figsize=(9, 2.8), sharex=True)
    names = {"negative_elbo": "-ELBO", "reconstruction": "reconstruction error", "kl": "KL(q || p)"}
    for ax, (term, name) in zip(axes, names.items(), strict=True):
        for split, style in (("train", "--"), ("valid", "-")):
            ax.plot(history["epoch"], history[f"{split}_{term}"], style, label=split)
        ax.set(title=name, xlabel="epoch", ylabel="nats an image")
    axes[0].legend()
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def image_grid(images: Tensor, title: str) -> Figure:
    """Return `images` (N, C, H, W) in [0, 1] in rows of GRID."""
    framed = F.pad(images, (1, 1, 1, 1), value=0.5)
    grid = framed.unflatten(0, (-1, GRID)).permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    figure, ax = plt.subplots(figsize=(4.5, 4.5 * grid.shape[0] / grid.shape[1] + 0.35))
    ax.imshow(grid.clamp(0, 1))
    ax.set_title(title)
    ax.set_axis_off()
    return figure


@torch.no_grad()
def samples(vae: VAE, shape: tuple[int, ...], title: str) -> Figure:
    """Return the means of p(x|z) for GRID^2 codes z from the prior, always the same."""
    z = torch.randn(GRID * GRID, vae.latent, generator=torch.Generator().manual_seed(0))
    return image_grid(
        vae.decode(z).sigmoid().unflatten(1, shape), f"{title}: means of p(x|z), z from the prior"
    )


@torch.no_grad()
def reconstructions(vae: VAE, pixels: Tensor, shape: tuple[int, ...], title: str) -> Figure:
    """Return rows of test images, each over a row of their reconstructions from the posterior's mean."""
    x = scale(pixels)
    means = vae.decode(vae.posterior(x).mu).sigmoid()
    rows = torch.stack([x.unflatten(0, (-1, GRID)), means.unflatten(0, (-1, GRID))], dim=1)
    return image_grid(rows.flatten(0, 2).unflatten(1, shape), f"{title}: test images over reconstructions")
