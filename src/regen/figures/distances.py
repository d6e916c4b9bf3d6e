"""The Frechet distance of several GANs in one figure, by which a report orders them, from saved tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from regen.artifacts import distance_in
from regen.figures.gan import count_steps, name_of_distance, numbers
from regen.figures.seeds import looks, name_lines, panels_of, plot_seeds, told_of_seeds
from regen.figures.style import add_heading, save_figure, use_style
from regen.params import FigureFiles


def draw(runs: Mapping[str, pd.DataFrame], folder: Path, files: FigureFiles) -> None:
    """Write the figure distances of those of `runs` (by title; of all seeds) that are scored."""
    if scored := {name: scores for name, scores in runs.items() if len(scores)}:
        with use_style():
            save_figure(distances(scored), folder / "distances", files)


def distances(runs: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the distances over the steps; those of one kind, by the same features and images, in one panel."""
    panel = {
        name: f"{name_of_distance(scores)} to {scores['reference'].iloc[-1]}" for name, scores in runs.items()
    }
    figure, panels = panels_of(panel.values())
    for (name, scores), look in zip(runs.items(), looks(list(runs)), strict=True):
        distance = numbers(scores[distance_in(scores)])
        plot_seeds(panels[panel[name]], distance.groupby(scores["step"]), look)
    for axes in panels.values():
        axes.set(xlabel="generator steps", xlim=(0, None), ylim=(0, None))
        count_steps(axes)
    name_lines(figure)
    add_heading(figure, f"The samples' distance to the test images\n{told_of_seeds(runs.values())}")
    return figure
