"""Figures of the deep stacks, from saved tables only: gradients over the layers, losses over the steps."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regen.figures.style import save_figure, use_style
from regen.params import FigureFiles

TITLES = {
    "post": "post-norm: $x_{l+1} = LN(x_l + A(x_l))$",
    "pre": "pre-norm: $x_{l+1} = x_l + A(LN(x_l))$",
}
"""Panels, by where the normalisation is."""
SHADES = (0.0, 0.85)
"""Colours of the shallowest and the deepest stack, on the map below; the map's end is too light for lines."""
COLOURS = "viridis_r"


def draw(layers: pd.DataFrame, losses: pd.DataFrame, words: int, folder: Path, files: FigureFiles) -> None:
    """Write the figures gradients and losses into `folder`; `words` is the number of words to copy."""
    with use_style():
        save_figure(draw_gradients(layers), folder / "gradients", files)
        save_figure(draw_losses(losses, words), folder / "losses", files)


def colours(depths: list[int]) -> dict[int, tuple[float, ...]]:
    """Colour of each depth: the deeper, the darker."""
    first, last = 1 - SHADES[1], 1.0
    steps = [first + (last - first) * i / max(len(depths) - 1, 1) for i in range(len(depths))]
    return {depth: plt.get_cmap(COLOURS)(step) for depth, step in zip(depths, steps, strict=True)}


def draw_gradients(table: pd.DataFrame) -> Figure:
    """Draw the gradient's norm over the layers: geometric means of the seeds, and from least to most."""
    figure, both = panels(table, "layer $l$ (0: input)")
    for axes, rows in both:
        for depth, colour in colours(sorted(table["depth"].unique())).items():
            mine = rows[rows["depth"] == depth]
            axes.plot(mine["layer"], mine["gradient"], color=colour, label=f"{depth:g} blocks")
            band = mine["gradient_least"], mine["gradient_most"]
            axes.fill_between(mine["layer"], *band, color=colour, alpha=0.15, linewidth=0)
    left = figure.axes[0]
    left.set_ylabel("norm of d loss / d $x_l$")
    left.legend(loc="best", ncols=2)
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
        for depth, colour in colours(sorted(table["depth"].unique())).items():
            loss = rows[rows["depth"] == depth].groupby("step")["loss"]
            axes.plot(loss.mean(), color=colour, label=f"{depth:g} blocks")
            axes.fill_between(
                loss.mean().index, loss.min(), loss.max(), color=colour, alpha=0.15, linewidth=0
            )
        axes.axhline(math.log(words), color="0.5", linewidth=0.8, linestyle="--")
    left = figure.axes[0]
    left.set_ylabel("loss, nats per word")
    left.legend(loc="lower left")
    seeds = table["seed"].nunique()
    drawn = "one seed" if seeds == 1 else f"means of {seeds} seeds; bands: from the least to the largest"
    add_heading(
        figure,
        f"Learning to copy, without warm-up: {drawn}\nDashed: the loss of guessing one of {words} words.",
    )
    return figure


def panels(table: pd.DataFrame, xlabel: str) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Two panels of one logarithmic scale, post-norm and pre-norm, each with its rows of `table`."""
    figure, grid = plt.subplots(1, 2, figsize=(7.2, 3.6), sharex=True, sharey=True)
    both = []
    for axes, (norm, title) in zip(grid, TITLES.items(), strict=True):
        axes.set(yscale="log", title=title, xlabel=xlabel)
        both.append((axes, table[table["norm"] == norm]))
    return figure, both


def add_heading(figure: Figure, text: str) -> None:
    """Write the caption above the figure."""
    figure.suptitle(text, x=0.01, ha="left", fontsize="medium")
