"""What the Frechet distance sees: distance over the strength of corruptions, above corrupted images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from torch import Tensor

from regen.artifacts import FRECHET, distance_in
from regen.figures.grids import tile
from regen.figures.style import add_heading, save_figure, use_style
from regen.params import FigureFiles

PANELS = {
    "blur": ("Gaussian blur", "standard deviation, pixels"),
    "noise": ("Gaussian noise", "standard deviation, grey levels"),
    "mixing": ("mixed with another class", "weight of the other image"),
    "missing": ("missing classes", "classes left out"),
}
"""Title and name of the strength, by corruption."""
WIDTH, CURVE = 2.4, 2.0
"""Inches: of a panel, and the height of its curve."""


def draw(
    scores: pd.DataFrame, examples: Mapping[str, Tensor], data: str, path: Path, files: FigureFiles
) -> None:
    """Write the figure of the data set `data` to `path` with the suffixes of `files`.

    `scores` has a row per corruption and strength, `examples` are images (strengths, N, C, H, W) uint8, by
    corruption.
    """
    with use_style():
        save_figure(draw_distances(scores, examples, data), path, files)


def draw_distances(scores: pd.DataFrame, examples: Mapping[str, Tensor], data: str) -> Figure:
    """A column a corruption: the distance over its strengths, each above the images that are so corrupted."""
    distance = distance_in(scores)
    shapes = [images.shape[:2] for images in examples.values()]
    strip = WIDTH * max(rows / columns for columns, rows in shapes)
    figure, grid = plt.subplots(
        2,
        len(PANELS),
        figsize=(WIDTH * len(PANELS), CURVE + strip + 0.8),
        height_ratios=(CURVE, strip),
        sharey="row",
    )
    for (kind, (title, strength)), above, below in zip(PANELS.items(), *grid, strict=True):
        rows = scores[scores["corruption"] == kind]
        plot_distance(above, rows["strength"], pd.to_numeric(rows[distance], errors="coerce"))
        above.set(title=title, xlabel=strength)
        show_examples(below, examples[kind])
    grid[0, 0].set_ylabel(f"{FRECHET[distance]}\n({scores['extractor'].iloc[0]})")
    add_heading(figure, heading(scores, data))
    return figure


def plot_distance(axes: Axes, strengths: pd.Series[float], distances: pd.Series[float]) -> None:
    """Plot `distances` at even steps, and the first, of undisturbed images, as a thin line."""
    places = range(len(strengths))
    axes.axhline(distances.iloc[0], color="0.5", linewidth=0.8, linestyle="--")
    axes.plot(places, distances, "o-", markersize=3)
    axes.set_xticks(places, [f"{strength:g}" for strength in strengths])
    axes.set(xlim=(-0.5, len(strengths) - 0.5), yscale="log")
    axes.yaxis.set(major_locator=LogLocator(subs=(1, 3)), major_formatter="{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def show_examples(axes: Axes, images: Tensor) -> None:
    """Show `images` (strengths, N, C, H, W) uint8, a column a strength."""
    axes.imshow(tile(images.transpose(0, 1).flatten(0, 1), len(images)), vmin=0, vmax=255)
    axes.set_anchor("N")
    axes.set_axis_off()


def heading(scores: pd.DataFrame, data: str) -> str:
    """What was measured, in two lines."""
    row = scores.iloc[0]
    corrupted, tested = row["samples"], row["reference_images"]
    return (
        f"{data}: {corrupted:g} training images, corrupted, against {tested:g} test images\n"
        "Dashed: the images as they are. Below: some of them, at each strength."
    )
