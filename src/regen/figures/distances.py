"""The Frechet distance of several GANs in one figure, by which a report orders them, from saved tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from regen.artifacts import FRECHET, distance_in
from regen.figures.gan import count_steps, numbers
from regen.figures.seeds import add_heading, lines_and_bands, looks, most_seeds, panels_of, plot_seeds
from regen.figures.style import save_figure, use_style
from regen.params import FigureFiles


def draw(runs: Mapping[str, pd.DataFrame], folder: Path, files: FigureFiles) -> None:
    """Write the figure distances of those of `runs` (by title; of all seeds) that are scored."""
    if scored := {name: scores for name, scores in runs.items() if len(scores)}:
        with use_style():
            save_figure(distances(scored), folder / "distances", files)


def distances(runs: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw the distances over the steps; those of one kind, by the same features and images, in one panel."""
    panel = {name: _compared(scores) for name, scores in runs.items()}
    figure, panels = panels_of(panel.values())
    for (name, scores), look in zip(runs.items(), looks(list(runs)), strict=True):
        distance = numbers(scores[distance_in(scores)])
        plot_seeds(panels[panel[name]], distance.groupby(scores["step"]), look)
    for axes in panels.values():
        axes.set(xlabel="generator steps", xlim=(0, None), ylim=(0, None))
        count_steps(axes)
    add_heading(
        figure, f"The samples' distance to the test images\n{lines_and_bands(most_seeds(runs.values()))}"
    )
    return figure


def _compared(scores: pd.DataFrame) -> str:
    last = scores.iloc[-1]
    return f"{FRECHET[distance_in(scores)]} ({last['extractor']}) to {last['reference']}"
