"""Figures of the translators, from saved artifacts only: attention maps, learning curves, BLEU by length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from regen.artifacts import AttentionMap
from regen.errors import InputError
from regen.figures.seeds import looks, name_lines, panels_of, plot_seeds, told_of_seeds
from regen.figures.style import RENDERERS, add_heading, save_figure, use_style
from regen.params import FigureFiles

DPI = 150
CELL = 0.27
"""Inches per word of an attention map."""
LABELS = (1.4, 1.0)
"""Inches that the words need beside an attention map, and above it."""
WIDTH = 9.6
"""Inches that a figure of several maps may be wide, unless so few stand side by side:"""
SIDE_BY_SIDE = 2
COLOURS, SWAPPED = "Blues", "C1"
SPLITS = {"train": "--", "valid": "-"}


@dataclass(frozen=True)
class Records:
    """What a translator left for the overview: curves by seed and epoch, and BLEU by seed and quarter."""

    label: str
    data: str
    history: pd.DataFrame
    lengths: pd.DataFrame


# ---- one translator --------------------------------------------------------------------------------------


def draw(
    maps: Sequence[AttentionMap], history: pd.DataFrame, title: str, folder: Path, files: FigureFiles
) -> None:
    """Write the learning curves into `folder`, and the attention maps of a translator that has any."""
    with use_style():
        save_figure(curves_figure(history, title), folder / "learning_curves", files)
        if maps:
            save_figure(maps_figure(maps, title), folder / "attention", files)


def draw_map(found: AttentionMap, path: Path) -> None:
    """Write the map of one sentence to `path`; InputError unless that is a PNG or PDF."""
    kind = path.suffix.removeprefix(".").lower()
    if kind not in RENDERERS:
        allowed = " or ".join(f".{name}" for name in RENDERERS)
        raise InputError(f"--figure: {str(path)!r}: should end in {allowed}")
    files = FigureFiles(dpi=DPI, formats=["png"]).model_copy(update={"formats": [kind]})
    with use_style():
        save_figure(maps_figure([found]), path.with_suffix(""), files)


def maps_figure(maps: Sequence[AttentionMap], title: str = "") -> Figure:
    """Draw maps of one scale, from left to right; with a `title`, what they show stands above."""
    columns = max(len(each.source) for each in maps)
    count = min(len(maps), max(SIDE_BY_SIDE, int(WIDTH // (CELL * columns + LABELS[0]))))
    rows = [maps[start : start + count] for start in range(0, len(maps), count)]
    heights = [max(len(each.translation) for each in row) for row in rows]
    size = (
        count * (CELL * columns + LABELS[0]),
        CELL * sum(heights) + LABELS[1] * len(rows) + 0.8 * bool(title),
    )
    figure, grid = plt.subplots(
        len(rows), count, figsize=size, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for axes in grid.flat[len(maps) :]:
        axes.remove()
    for number, (axes, each) in enumerate(zip(grid.flat, maps, strict=False)):
        draw_attention(axes, each)
        axes.set(xlim=(-0.5, columns - 0.5), ylim=(heights[number // count] - 0.5, -0.5))
    if title:
        add_heading(figure, f"{title}\n{explained(maps)}")
    return figure


def draw_attention(axes: Axes, found: AttentionMap) -> None:
    """Draw a map in `axes`: the source's words above, those of the translation on the left."""
    axes.imshow(found.weights.numpy(), cmap=COLOURS, norm=Normalize(0, 1), aspect="equal")
    rows, columns = found.weights.shape
    axes.add_patch(Rectangle((-0.5, -0.5), columns, rows, fill=False, edgecolor="0.7", clip_on=False))
    axes.set_anchor("NW")
    axes.grid(visible=False)
    axes.set_xticks(range(len(found.source)), found.source, rotation=50, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(len(found.translation)), found.translation)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for label, swapped in zip(axes.get_yticklabels(), found.swapped, strict=True):
        if swapped:
            label.set(fontweight="bold", color=SWAPPED)


def explained(maps: Sequence[AttentionMap]) -> str:
    """What maps show, swapped words included if there are any."""
    text = "How each word of the translation (left) attends\nto those of the source (above): white 0, dark 1"
    swaps = any(any(each.swapped) for each in maps)
    return text + ("\nBold, orange: words in another order than in the source" if swaps else "")


def curves_figure(history: pd.DataFrame, title: str) -> Figure:
    """Draw train and validation loss and validation accuracy over the epochs, a line per seed."""
    figure, (losses, accuracies) = plt.subplots(1, 2, figsize=(7.2, 2.8))
    for colour, (split, style) in enumerate(SPLITS.items()):
        lines = history.pivot(index="epoch", columns="seed", values=f"{split}_loss")
        label = [split, *[None] * (lines.shape[1] - 1)]
        losses.plot(lines, style, color=f"C{colour}", marker=".", label=label)
    accuracy = history.pivot(index="epoch", columns="seed", values="valid_accuracy")
    accuracies.plot(accuracy, color="C1", marker=".")
    losses.set(title="loss, nats per word", ylim=(0, None))
    accuracies.set(title="share of right words, valid", ylim=(0, 1.02))
    losses.legend()
    for axes in (losses, accuracies):
        mark_epochs(axes)
    seeds = history["seed"].nunique()
    add_heading(figure, title if seeds == 1 else f"{title}: {seeds} seeds")
    return figure


def mark_epochs(axes: Axes) -> None:
    """Have whole epochs below `axes`."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


# ---- all translators -------------------------------------------------------------------------------------


def draw_overview(runs: Sequence[Records], folder: Path, files: FigureFiles) -> None:
    """Write the figures learning_curves and bleu_by_length of all `runs` into `folder`."""
    with use_style():
        save_figure(losses_figure(runs), folder / "learning_curves", files)
        save_figure(lengths_figure(runs), folder / "bleu_by_length", files)


def losses_figure(runs: Sequence[Records]) -> Figure:
    """Draw the validation loss of all runs over the epochs: means of the seeds, and from least to most."""
    figure, panels = panels_of(run.data for run in runs)
    for run, look in zip(runs, looks([run.label for run in runs]), strict=True):
        plot_seeds(panels[run.data], run.history.groupby("epoch")["valid_loss"], look)
    for axes in panels.values():
        axes.set_ylim(0)
        mark_epochs(axes)
    name_lines(figure)
    told = told_of_seeds(run.history for run in runs)
    add_heading(figure, f"Validation loss, nats per word, after the decoder's own words\n{told}")
    return figure


def lengths_figure(runs: Sequence[Records]) -> Figure:
    """Draw BLEU of all runs in four equal parts of the test sentences, with the deviation over the seeds."""
    figure, panels = panels_of(run.data for run in runs)
    for number, (run, look) in enumerate(zip(runs, looks([run.label for run in runs]), strict=True)):
        axes, bleu = panels[run.data], run.lengths.groupby("quarter")["bleu"]
        places = bleu.mean().index + 0.05 * (number - (len(runs) - 1) / 2)  # side by side, all can be seen
        axes.errorbar(places, bleu.mean(), bleu.std().fillna(0), capsize=2, **look)
        ends = run.lengths.groupby("quarter")[["shortest", "longest"]].first()
        axes.set_xticks(list(ends.index), [words(*pair) for pair in ends.to_numpy().tolist()])
        axes.set_xlabel("quarters of the test sentences, by the length of the source")
    name_lines(figure)
    several = "Means of the seeds, ± standard deviation over them."
    told = told_of_seeds((run.lengths for run in runs), several)
    add_heading(figure, f"BLEU by the length of the source\n{told}")
    return figure


def words(shortest: int, longest: int) -> str:
    """Lengths of the sentences of a quarter: `5 words`, or `5 to 7 words`."""
    return f"{shortest} words" if shortest == longest else f"{shortest} to {longest} words"
