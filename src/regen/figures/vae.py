"""Figures of one VAE run, from saved artifacts only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from regen.figures.grids import show, snapshots
from regen.figures.latent import interpolation, manifold, scatter
from regen.figures.style import save_figure, use_style
from regen.params import Figures
from regen.vae.networks import VAE
from regen.vae.sampling import reconstruct

COLUMNS = 8
"""Images per row of reconstructions."""
ROWS = 4
"""Rows of images, each with a row of reconstructions."""
TERMS = {"negative_elbo": "-ELBO", "reconstruction": "reconstruction error", "kl": "KL(q || p)"}
FEW = 8
"""Maximum epochs that are all in view; with more, the steep first one would flatten the rest."""
STYLES = {"train": "--", "valid": "-"}


@dataclass(frozen=True)
class Artifacts:
    """Results of training, and the test images.

    The VAE and its samples by epoch are of the first seed, the history of all seeds. Test images are (N, D)
    uint8, with labels (N,), None for data without labels.
    """

    vae: VAE
    snapshots: Mapping[int, Tensor]
    history: pd.DataFrame
    test: Tensor
    labels: Tensor | None


def draw(run: Artifacts, title: str, folder: Path, settings: Figures) -> None:
    """Draw learning curves, samples over the epochs and reconstructions.

    With labels, also interpolations between two classes; with two latent dimensions, also the manifold and
    the codes of the test images.

    Raises:
        InputError: the classes to interpolate between are missing from the labels.
    """
    run.vae.eval()
    with use_style():
        for name, figure in _figures(run, title, settings):
            save_figure(figure, folder / name, settings)


def _figures(run: Artifacts, title: str, settings: Figures) -> Iterator[tuple[str, Figure]]:
    """Yield the figures of a run by name, starting with the one that may fail."""
    if run.labels is not None:
        yield "interpolation", interpolation(run.vae, run.test, run.labels, settings.interpolation, title)
    if run.vae.latent == 2:
        yield "manifold", manifold(run.vae, settings.manifold, title)
        yield "codes", scatter(run.vae, run.test, run.labels, title)
    yield "learning_curves", learning_curves(run.history, title)
    yield "samples", snapshots(run.snapshots, f"{title}: means of p(x|z), of the same z")
    yield "reconstructions", reconstructions(run, title)


def learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Draw -ELBO, reconstruction error and KL, train and valid, over epochs: one line per seed."""
    figure, axes = plt.subplots(1, len(TERMS), figsize=(9, 2.8), sharex=True)
    for ax, (term, name) in zip(axes, TERMS.items(), strict=True):
        curves = {
            split: history.pivot(index="epoch", columns="seed", values=f"{split}_{term}") for split in STYLES
        }
        _plot_curves(ax, curves)
        ax.set(title=name, xlabel="epoch", ylabel="nats an image")
    axes[0].xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes[0].legend()
    seeds = history["seed"].nunique()
    figure.suptitle(title if seeds == 1 else f"{title}: {seeds} seeds", x=0.01, ha="left")
    return figure


def _plot_curves(ax: Axes, curves: Mapping[str, pd.DataFrame]) -> None:
    """Draw one line per seed; with more than a few epochs the first may be above the panel."""
    for colour, (split, lines) in enumerate(curves.items()):
        label = [split, *[None] * (lines.shape[1] - 1)]
        marker = "o" if len(lines) == 1 else ""  # a single point makes no line
        ax.plot(lines, STYLES[split], color=f"C{colour}", marker=marker, label=label)
    if len(curves["valid"]) > FEW:
        low = min(lines.to_numpy().min() for lines in curves.values())
        high = max(lines[1:].to_numpy().max() for lines in curves.values())
        ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def reconstructions(run: Artifacts, title: str) -> Figure:
    """Draw rows of test images, each above their reconstructions from the posterior's centre."""
    rows = run.test[: ROWS * COLUMNS].split(COLUMNS)
    figure, axes = plt.subplots(
        len(rows), 1, figsize=(4.5, 1.2 * len(rows) + 0.5), squeeze=False, layout="compressed"
    )
    for ax, pixels in zip(axes[:, 0], rows, strict=True):
        images = torch.cat([pixels.unflatten(1, run.vae.shape), reconstruct(run.vae, pixels)])
        show(ax, images, len(pixels), "")
    figure.suptitle(f"{title}\ntest images over their reconstructions", x=0.01, ha="left")
    return figure
