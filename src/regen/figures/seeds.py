"""Lines of several runs in one figure: of each the mean of its seeds, and a band from least to most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LOOKS = (("-", "o"), ("--", "s"), ("-.", "^"), (":", "D"))
"""Line styles and markers by turns: lines that run the same way all stay visible."""

LINES_AND_BANDS = "Lines: means of the seeds. Bands: from the least seed to the largest."


def looks(labels: Sequence[str]) -> list[dict[str, Any]]:
    """Look of the line of each label, the same in every figure."""
    return [
        {"color": f"C{number}", "linestyle": style, "marker": marker, "markersize": 4, "label": label}
        for number, (label, (style, marker)) in enumerate(zip(labels, cycle(LOOKS), strict=False))
    ]


def plot_seeds(axes: Axes, values: pd.api.typing.SeriesGroupBy[Any, Any], look: dict[str, Any]) -> None:
    """Plot values of all seeds, grouped by where they lie: their mean, a gap where one is NaN, and a band."""
    axes.plot(values.agg(lambda seeds: seeds.mean(skipna=False)), **look)
    add_band(axes, values.min(), values.max(), look)


def add_band(axes: Axes, least: pd.Series[Any], most: pd.Series[Any], look: dict[str, Any]) -> None:
    """Fill what lies between the seeds, in the colour of their line."""
    axes.fill_between(least.index, least, most, color=look["color"], alpha=0.15, linewidth=0)


def told_of_seeds(tables: Iterable[pd.DataFrame], several: str = LINES_AND_BANDS) -> str:
    """What is shown of the seeds of `tables`: `several`, unless each has one, as one without that column."""
    has_several = any("seed" in each and each["seed"].nunique() > 1 for each in tables)
    return several if has_several else "One seed each."


def panels_of(titles: Iterable[str]) -> tuple[Figure, dict[str, Axes]]:
    """One panel per title, side by side."""
    names = list(dict.fromkeys(titles))
    figure, grid = plt.subplots(1, len(names), figsize=(7.2 * len(names), 4.2), squeeze=False)
    panels = dict(zip(names, grid[0], strict=True))
    for name, axes in panels.items():
        axes.set_title(name)
    return figure, panels


def name_lines(figure: Figure) -> None:
    """Write the names of the lines below the figure, where they hide none."""
    figure.legend(loc="outside lower center", ncols=2)
