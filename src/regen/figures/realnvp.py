"""Figures of one RealNVP run, from saved artifacts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from regen.bijections import quantise
from regen.figures.grids import image_grid, snapshots
from regen.figures.style import save_figure, use_style
from regen.params import FigureFiles
from regen.realnvp.networks import RealNVP

PAIRS, POINTS = 6, 10
"""Pairs of test images to interpolate between, and points per line in latent space."""
ROW = 8
"""Images to encode and decode."""


@dataclass(frozen=True)
class Artifacts:
    """Results of training: the flow, samples by epoch, history; and test images (N, D) uint8."""

    flow: RealNVP
    snapshots: Mapping[int, Tensor]
    history: pd.DataFrame
    test: Tensor


def draw(run: Artifacts, title: str, folder: Path, files: FigureFiles) -> None:
    """Draw learning curves, samples over the epochs, interpolations, and images encoded and decoded."""
    with use_style():
        save_figure(learning_curves(run.history, title), folder / "learning_curves", files)
        save_figure(snapshots(run.snapshots, f"{title}: samples of the same z"), folder / "samples", files)
        save_figure(interpolations(run, title), folder / "interpolations", files)
        save_figure(reconstructions(run, title), folder / "reconstructions", files)


def learning_curves(history: pd.DataFrame, title: str) -> Figure:
    """Draw bits per dimension, train and valid, over epochs."""
    figure, ax = plt.subplots(figsize=(4.5, 3.0))
    for split, style in (("train", "--"), ("valid", "-")):
        ax.plot(history["epoch"], history[f"{split}_bits_per_dimension"], style, label=split)
    ax.set(title=title, xlabel="epoch", ylabel="bits per dimension")
    ax.legend()
    return figure


def _encoded(run: Artifacts, count: int) -> tuple[Tensor, Tensor]:
    """Dequantise test images (count, D) at the middle of their levels, and encode them."""
    pixels = run.test[:count]
    middle = torch.full(pixels.shape, 0.5)
    return pixels, run.flow.encode(pixels, middle).z


@torch.no_grad()
def interpolations(run: Artifacts, title: str) -> Figure:
    """Draw rows of images on straight lines between the codes of two test images."""
    _, z = _encoded(run, 2 * PAIRS)
    weights = torch.linspace(0, 1, POINTS)[:, None]
    lines = torch.cat([torch.lerp(start, end, weights) for start, end in z.unflatten(0, (-1, 2))])
    images = quantise(run.flow.decode(lines)).unflatten(-1, run.flow.shape)
    return image_grid(images, POINTS, f"{title}: from one test image to another through z", width=6.0)


@torch.no_grad()
def reconstructions(run: Artifacts, title: str) -> Figure:
    """Draw test images above their decoded codes, which are the same images, as a flow is invertible."""
    pixels, z = _encoded(run, ROW)
    images = torch.cat([pixels, quantise(run.flow.decode(z))]).unflatten(-1, run.flow.shape)
    return image_grid(images, ROW, f"{title}: test images over decoded codes", width=6.0)
