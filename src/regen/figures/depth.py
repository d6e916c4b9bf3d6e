"""Figures of the deep stacks, from saved tables only: gradients over the layers, losses over the steps."""

from __future__ import annotations

import math
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from regen.figures.seeds import add_band, plot_seeds
from regen.figures.style import add_heading, save_figure, use_style
from regen.params import FigureFiles

TITLES = {
    "post": "post-norm: $x_{l+1} = LN(x_l + A(x_l))$",
    "pre": "pre-norm: $x_{l+1} = x_l + A(LN(x_l))$",
}
"""Panels, by where the normalisation is."""
COLOURS = "viridis_r"
SHADES = (0.15, 1.0)
"""Places of the shallowest and the deepest stack on the map of colours, which is too light before them."""
DASHES = ("-", (0, (3, 2)))
"""Line styles by turns, from the deepest on: lines that run the same way both stay visible."""


def draw(layers: pd.DataFrame, losses: pd.DataFrame, words: int, folder: Path, files: FigureFiles) -> None:
    """Write the figures gradients and losses into `folder`; `words` is the number of words to copy."""
    with use_style():
        save_figure(draw_gradients(layers), folder / "gradients", files)
        save_figure(draw_losses(losses, words), folder / "losses", files)


def looks(table: pd.DataFrame) -> dict[int, dict[str, Any]]:
    """Look of the line of each depth, the deepest first, which is the darkest and lies below the others."""
    depths = [int(depth) for depth in sorted(table["depth"].unique(), reverse=True)]
    shades = np.linspace(SHADES[1], SHADES[0], len(depths))
    return {
        depth: {"color": plt.get_cmap(COLOURS)(shade), "linestyle": dash, "label": f"{depth} blocks"}
        for depth, shade, dash in zip(depths, shades, cycle(DASHES), strict=False)
    }


def draw_gradients(table: pd.DataFrame) -> Figure:
    """Draw the gradient's norm over the layers: geometric means of the seeds, and from least to most."""
    figure, both = panels(table, "layer $l$ (0: input)")
    for axes, rows in both:
        for depth, look in looks(table).items():
            mine = rows[rows["depth"] == depth].set_index("layer")
            axes.plot(mine["gradient"], **look)
            add_band(axes, mine["gradient_least"], mine["gradient_most"], look)
    figure.axes[0].set_ylabel("norm of d loss / d $x_l$")
    add_legend(figure.axes[1], "upper right")
    add_heading(
        figure,
        "Gradients at initialisation, from the output (right end of each line) back to the input\n"
        "Lines: geometric means of the seeds. Bands: from the smallest to the largest seed.",
    )
    return figure


def draw_losses(table: pd.DataFrame, words: int) -> Figure:
    """Draw the loss of copying over the steps of Adam: means of the seeds, and from least to most."""
    figure, both = panels(table, "steps of Adam")
    for axes, rows in both:
        for depth, look in looks(table).items():
            plot_seeds(axes, rows[rows["depth"] == depth].groupby("step")["loss"], look)
        axes.axhline(math.log(words), color="0.5", linewidth=0.8, linestyle="--")
    figure.axes[0].set_ylabel("loss, nats per word")
    add_legend(figure.axes[0], "lower left")
    seeds = table["seed"].nunique()
    drawn = "one seed" if seeds == 1 else f"means of {seeds} seeds; bands: from the least to the largest"
    add_heading(
        figure,
        f"Learning to copy, without warm-up: {drawn}\nGrey: the loss of guessing one of {words} words.",
    )
    return figure


def panels(table: pd.DataFrame, xlabel: str) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Two panels of one logarithmic scale, post-norm and pre-norm, each with its rows of `table`."""
    figure, grid = plt.subplots(1, 2, figsize=(7.2, 3.6), sharex=True, sharey=True)
    both = []
    for axes, (norm, title) in zip(grid, TITLES.items(), strict=True):
        axes.set(yscale="log", title=title, xlabel=xlabel)
        axes.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        both.append((axes, table[table["norm"] == norm]))
    return figure, both


def add_legend(axes: Axes, place: Literal["upper right", "lower left"]) -> None:
    """Name the lines, the shallowest first."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], loc=place)  # drawn from the deepest on
