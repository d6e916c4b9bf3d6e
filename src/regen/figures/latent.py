"""Figures of a VAE's latent space: the manifold, interpolations between codes, codes by class.

The VAEs are in evaluation mode; the images are test images.

References:
    Accessible color sequences for data visualization (Petroff, 2021): the ten colours.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from torch import Tensor

from regen.figures.grids import tile
from regen.likelihood.interpolation import firsts, linear, spherical
from regen.params import Interpolation
from regen.training.device import cast
from regen.vae.networks import VAE
from regen.vae.observations import scale
from regen.vae.sampling import means

AXES = ("$z_1$ (prior standard deviations)", "$z_2$ (prior standard deviations)")
TICKS = torch.tensor([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0], dtype=torch.float64)
"""Ticks of z at the manifold's axes."""
PAIRS = 3
"""Pairs of images to interpolate between."""
POINTS = 2000
"""Maximum number of codes shown; more would hide each other."""
BATCH = 250
"""Batch size for encoding images."""
COLOURS = mpl.color_sequences["petroff10"]
MARKERS = "os^DvP<X>*"


# ---- the latent plane --------------------------------------------------------------------------------


def quantiles(count: int) -> Tensor:
    """Midpoint quantiles of `count` equally likely intervals of a standard normal, (count,), ascending."""
    return cast(torch.special.ndtri((torch.arange(count, dtype=torch.float64) + 0.5) / count))


def plane(count: int) -> Tensor:
    """Codes (count, count, 2) at those quantiles: z1 increases along rows, z2 from the last row upwards."""
    z = quantiles(count)
    z2, z1 = torch.meshgrid(z.flip(0), z, indexing="ij")
    return torch.stack([z1, z2], -1)


@torch.no_grad()
def manifold(vae: VAE, count: int, title: str) -> Figure:
    """Draw means of p(x|z) over the latent plane, `count` per side, equally likely under the prior.

    The VAE must have two latent dimensions.
    """
    figure, ax = plt.subplots(figsize=(6.0, 6.1))
    ax.imshow(
        tile(means(vae, plane(count).flatten(0, 1)), count, frame=0), vmin=0, vmax=255, extent=(0, 1, 0, 1)
    )
    places = torch.special.ndtr(TICKS).tolist()  # their positions among equally likely intervals
    labels = [f"{z:g}".replace("-", "\N{MINUS SIGN}") for z in TICKS.tolist()]
    ax.set_xticks(places, labels)
    ax.set_yticks(places, labels)
    ax.set(xlabel=AXES[0], ylabel=AXES[1])
    ax.grid(visible=False)
    figure.suptitle(
        f"{title}\nmeans of p(x|z), z at {count} x {count} quantiles of the prior", x=0.01, ha="left"
    )
    return figure


# ---- from one code to another ------------------------------------------------------------------------


@torch.no_grad()
def interpolation(vae: VAE, pixels: Tensor, labels: Tensor, walk: Interpolation, title: str) -> Figure:
    """Draw interpolations between codes of two classes' first images, with those images: lines above arcs.

    pixels: (N, D) uint8; labels: (N,)

    Raises:
        InputError: a class is missing from the labels.
    """
    ends = pixels[firsts(labels, walk.classes, PAIRS).T]  # (pairs, 2, D)
    figure, grid = _walk_panels(len(ends), walk.steps)
    for panels, pair in zip(grid, ends, strict=True):
        _draw_walk(panels, vae, pair, walk.steps)
    one, other = (f"class {each}" for each in walk.classes)
    for ax, text in zip(grid[0], (one, "means of p(x|z), z on the way", other), strict=True):
        ax.set_title(text)
    figure.suptitle(f"{title}: from one test image to another through their codes", x=0.01, ha="left")
    return figure


def _draw_walk(panels: Sequence[Axes], vae: VAE, pair: Tensor, steps: int) -> None:
    """Draw the first of two images (2, D) uint8, the line above the arc between their codes, the second."""
    start, end = vae.centre(scale(pair))
    ways = torch.cat([linear(start, end, steps), spherical(start, end, steps)])
    first, second = pair.unflatten(-1, vae.shape).split(1)
    for ax, images in zip(panels, (first, means(vae, ways), second), strict=True):
        ax.imshow(tile(images, steps if len(images) > 1 else 1), vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
        ax.grid(visible=False)
        ax.spines[:].set_visible(False)
    bottom, _ = panels[1].get_ylim()
    panels[1].set_yticks([0.25 * bottom, 0.75 * bottom], ["linear", "spherical"])
    panels[1].tick_params(length=0)


def _walk_panels(pairs: int, steps: int) -> tuple[Figure, NDArray[np.object_]]:
    """Lay out panels for each pair: an image as high as two rows of `steps`, the rows, another image."""
    width = 8.0
    height = 2 * width / (steps + 5)
    figure, grid = plt.subplots(
        pairs,
        3,
        figsize=(width, pairs * height + 0.6),
        squeeze=False,
        layout="compressed",
        width_ratios=[2, steps, 2],
    )
    return figure, grid


# ---- classes -----------------------------------------------------------------------------------------


@torch.no_grad()
def scatter(vae: VAE, pixels: Tensor, labels: Tensor | None, title: str) -> Figure:
    """Draw the codes of images in the latent plane, by class if there are labels.

    pixels: (N, D) uint8; labels: (N,), or None. The VAE must have two latent dimensions.
    """
    shown = pixels[:POINTS]
    codes = torch.cat([vae.centre(scale(part)) for part in shown.split(BATCH)])
    figure, ax = plt.subplots(figsize=(5.6, 5.2), layout="compressed")
    if labels is None:
        ax.plot(*codes.T, "o", markersize=3, markeredgewidth=0, alpha=0.8)
    else:
        _plot_classes(ax, codes, labels[:POINTS])
    ax.set(xlabel=AXES[0], ylabel=AXES[1], aspect="equal")
    what = "; the data has no labels" if labels is None else ", by class"
    figure.suptitle(f"{title}\ncentres of q(z|x) of {len(shown)} test images{what}", x=0.01, ha="left")
    return figure


def _plot_classes(ax: Axes, codes: Tensor, labels: Tensor) -> None:
    """Draw codes (N, 2) with the colour and marker of their class, and its number at the median."""
    for i, label in enumerate(labels.unique().tolist()):
        z = codes[labels == label]
        (points,) = ax.plot(
            *z.T, MARKERS[i % len(MARKERS)], markersize=4.5, markeredgewidth=0.3, label=str(label)
        )
        points.set(color=COLOURS[i % len(COLOURS)], markeredgecolor="0.3")
        z1, z2 = z.median(0).values.tolist()
        number = ax.text(z1, z2, str(label), weight="bold", size=13, ha="center", va="center")
        number.set_path_effects([withStroke(linewidth=3, foreground="white")])
    ax.legend(title="class", markerscale=1.6, loc="center left", bbox_to_anchor=(1, 0.5))
