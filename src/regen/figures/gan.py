"""Figures of one GAN, and an overview of several, from saved artifacts only.

References:
    Sampling generative networks (White, 2016): interpolation that stays where draws from the prior are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from PIL import Image, ImageDraw
from torch import Tensor, nn

from regen.artifacts import FRECHET, atomic_path, distance_in
from regen.figures.grids import image_grid, moment, snapshots, tile
from regen.figures.style import save_figure, use_style
from regen.gan.sampling import SNAPSHOT_IMAGES, SNAPSHOT_SEED, noise, sample, to_pixels
from regen.params import FigureFiles
from regen.params.gan import GanRun

COLUMNS = 10
"""Final samples per row."""
SMALL = 6
"""Samples per row in figures with several grids."""
PAIRS, WALK = 6, 10
"""Pairs of codes, and codes on the path between them."""
ACROSS = 3
"""Panels per row of the overview."""
UNSETTLED = 0.1
"""Share of initial steps that are ignored in the limits of the metric's axis, as they may be extreme."""
OUTLIERS = 0.02
"""Share of the other values, at either end, that may be outside the limits as well."""
METRICS = {"jsd": "estimate of JSD (nats)", "w1": "estimate of W1", "nonsaturating": "estimate of JSD (nats)"}
"""Names of the critic's metric, by loss."""
METRIC_COLOUR, DISTANCE_COLOUR = "C0", "C1"
SPLITS = {"train": "--", "valid": "-"}
GIF_COLOURS = 128
FRAME, LAST_FRAME, WAY_FRAME = 800, 2400, 150
"""Milliseconds per frame: samples, the last samples, one code of an interpolation."""
LINE = 16
"""Height in pixels of the caption above an animation."""


@dataclass(frozen=True)
class Curves:
    """Learning curves of `run`, and its scores during training, which may be empty."""

    run: GanRun
    history: pd.DataFrame
    evaluations: pd.DataFrame

    @property
    def unit(self) -> str:
        """Column of the history for the horizontal axis: `epoch` or `step`."""
        return self.run.unit.removesuffix("s")

    @property
    def distance(self) -> str:
        """Column of the scores with the Frechet distance."""
        return distance_in(self.evaluations)

    @property
    def names(self) -> tuple[str, str]:
        """Labels of metric and distance, the latter with its feature extractor."""
        return METRICS[self.run.loss], name_of_distance(self.evaluations)


@dataclass(frozen=True)
class Artifacts:
    """Curves, the generator in evaluation mode, and samples by epoch or step."""

    curves: Curves
    generator: nn.Module
    snapshots: Mapping[int, Tensor]


def draw(run: Artifacts, title: str, folder: Path, files: FigureFiles) -> None:
    """Draw samples at the end and during training, interpolations, losses, and scores if there are any.

    Samples during training and interpolations are also drawn as animations.
    """
    with use_style():
        for name, figure in _figures(run, title):
            save_figure(figure, folder / name, files)
    save_animation(*_growth(run), folder / "samples.gif")
    save_animation(*_there_and_back(run), folder / "interpolation.gif")


def draw_overview(runs: Mapping[str, Curves], folder: Path, files: FigureFiles) -> None:
    """Draw metric and Frechet distance over the steps, for those of `runs` (by title) that are scored."""
    folder.mkdir(parents=True, exist_ok=True)
    if scored := {title: curves for title, curves in runs.items() if len(curves.evaluations)}:
        with use_style():
            save_figure(overview(scored), folder / "overview", files)


def _figures(run: Artifacts, title: str) -> Iterator[tuple[str, Figure]]:
    images = sample(run.generator, SNAPSHOT_IMAGES, run.curves.run.latent, SNAPSHOT_SEED)
    yield "final", image_grid(images, COLUMNS, f"{title}: samples")
    heading = f"{title}: samples of the same z"
    yield "samples", snapshots(run.snapshots, heading, SMALL, run.curves.unit)
    rows = interpolation(run).transpose(0, 1).flatten(0, 1)
    yield "interpolation", image_grid(rows, WALK, f"{title}: from one z to another", width=6.0)
    yield "losses", losses(run.curves, title)
    if len(run.curves.evaluations):
        yield "progress", progress(run.curves, title)


# ---- curves ----------------------------------------------------------------------------------------------


def losses(curves: Curves, title: str) -> Figure:
    """Draw both players' losses over epochs or steps: train and, if available, valid."""
    figure, axes = plt.subplots(1, 2, figsize=(7.5, 2.8))
    for ax, player in zip(axes, ("critic", "generator"), strict=True):
        for split, style in SPLITS.items():
            if (column := f"{split}_{player}_loss") in curves.history:
                penalised = (player, split) == ("critic", "train") and curves.run.penalty != "none"
                label = "train, with its penalty" if penalised else split
                ax.plot(curves.history[curves.unit], curves.history[column], style, label=label)
        ax.set(title=player, xlabel=curves.unit, ylabel="loss")
        count_steps(ax)
        ax.legend()
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def progress(curves: Curves, title: str) -> Figure:
    """Draw metric and Frechet distance of a scored run over its steps, each with its own axis."""
    figure, ax = plt.subplots(figsize=(5.0, 3.0))
    _plot_progress(ax, curves)
    ax.set(title=title, xlabel="generator steps")
    return figure


def overview(runs: Mapping[str, Curves]) -> Figure:
    """Draw `progress` of scored runs, by title, in one figure; distances of the same name share an axis.

    The metric's axes are not shared, since its scale depends on what bounds the critic's gradient.
    """
    across = min(ACROSS, len(runs))
    down = -(-len(runs) // across)
    size = (3.3 * across, 2.5 * down + 0.3)
    figure, grid = plt.subplots(down, across, figsize=size, sharex=True, squeeze=False)
    alike: dict[str, list[Axes]] = {}
    for ax, (title, curves) in zip(grid.flat, runs.items(), strict=False):
        alike.setdefault(curves.names[1], []).append(_plot_progress(ax, curves))
        ax.set_title(title)
    for axes in alike.values():
        top = max(ax.get_ylim()[1] for ax in axes)
        for ax in axes:
            ax.set_ylim(top=top)
    for i, ax in enumerate(grid.flat):
        ax.set_visible(i < len(runs))
        if i + across >= len(runs):
            ax.set_xlabel("generator steps")
            ax.tick_params(labelbottom=True)
    return figure


def _plot_progress(ax: Axes, curves: Curves) -> Axes:
    """Plot the metric on `ax` and the distance on a second axis at its right, which is returned."""
    right, scores, history = ax.twinx(), curves.evaluations, curves.history
    metric, distance = (numbers(scores[name]) for name in ("metric", curves.distance))
    ax.plot(history["step"], history["train_metric"], color=METRIC_COLOUR, alpha=0.3, linewidth=0.8)
    ax.plot(scores["step"], metric, "o-", markersize=2, color=METRIC_COLOUR)
    right.plot(scores["step"], distance, "s--", markersize=2, color=DISTANCE_COLOUR)
    ax.set_ylim(_settled(curves))
    right.set_ylim(bottom=0)
    right.grid(visible=False)
    colours, sides = (METRIC_COLOUR, DISTANCE_COLOUR), ("left", "right")
    for each, name, colour, side in zip((ax, right), curves.names, colours, sides, strict=True):
        each.set_ylabel(name, color=colour)
        each.tick_params(axis="y", colors=colour)
        each.spines[side].set(visible=True, color=colour)
    count_steps(ax)
    return right


def _settled(curves: Curves) -> tuple[float, float]:
    """Limits of the metric's axis."""
    start = UNSETTLED * curves.history["step"].max()
    trained, scored = (table[table["step"] > start] for table in (curves.history, curves.evaluations))
    usual = trained["train_metric"].quantile([OUTLIERS, 1 - OUTLIERS])
    values = pd.concat([usual, numbers(scored["metric"])])
    room = 0.05 * (values.max() - values.min()) or 1.0
    return values.min() - room, values.max() + room


def count_steps(ax: Axes) -> None:
    """Have whole steps, or epochs, below `ax`."""
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def name_of_distance(scores: pd.DataFrame) -> str:
    """Name of the Frechet distance of `scores`, with its feature extractor."""
    return f"{FRECHET[distance_in(scores)]} ({scores['extractor'].iloc[-1]})"


def numbers(column: pd.Series) -> pd.Series:
    """Replace 'not finite' by NaN, which leaves a gap in a curve."""
    return pd.to_numeric(column, errors="coerce").astype(float)


# ---- images ----------------------------------------------------------------------------------------------


@torch.no_grad()
def interpolation(run: Artifacts) -> Tensor:
    """Images (WALK, PAIRS, C, H, W) uint8 on paths between the codes of the first samples."""
    shown = noise(SNAPSHOT_IMAGES, run.curves.run.latent, SNAPSHOT_SEED, torch.device("cpu"))
    codes = ways(shown[:PAIRS], shown[PAIRS : 2 * PAIRS], WALK)
    return to_pixels(run.generator(codes.flatten(0, 1))).unflatten(0, codes.shape[:2])


def ways(start: Tensor, end: Tensor, steps: int) -> Tensor:
    """Interpolate from `start` to `end` (N, latent): codes cos(a) start + sin(a) end, (steps, N, latent).

    The angle a goes from 0 to pi/2. Between independent standard normal codes, each code on the path is
    standard normal too; the middle of a line would be shorter than almost all codes seen in training.
    """
    a = torch.linspace(0, math.pi / 2, steps)[:, None, None]
    return a.cos() * start + a.sin() * end


def _growth(run: Artifacts) -> tuple[list[Image.Image], list[int]]:
    """Frames of the samples at each moment, and their durations in milliseconds."""
    shown = run.snapshots.items()
    frames = [picture(images[: SMALL**2], SMALL, moment(at, run.curves.unit)) for at, images in shown]
    return frames, [FRAME] * (len(frames) - 1) + [LAST_FRAME]


def _there_and_back(run: Artifacts) -> tuple[list[Image.Image], list[int]]:
    """Frames of the interpolation, forth and back, and their durations in milliseconds."""
    there = [picture(images, PAIRS, "from one z to another") for images in interpolation(run)]
    frames = [*there, *there[-2:0:-1]]
    return frames, [WAY_FRAME] * len(frames)


def picture(images: Tensor, columns: int, words: str) -> Image.Image:
    """Arrange `images` (N, C, H, W) uint8 in `columns`, below a caption `words`."""
    pixels = tile(images, columns).numpy()
    grid = Image.fromarray(pixels if pixels.shape[-1] > 1 else pixels[..., 0])
    canvas = Image.new(grid.mode, (grid.width, grid.height + LINE), "white")
    canvas.paste(grid, (0, LINE))
    ImageDraw.Draw(canvas).text((2, 1), words, fill="black")
    return canvas.quantize(GIF_COLOURS, dither=Image.Dither.NONE)


def save_animation(frames: Sequence[Image.Image], milliseconds: list[int], path: Path) -> None:
    """Publish `frames`, each shown for its `milliseconds`, as an endless GIF."""
    first, *others = frames
    with atomic_path(path) as part:
        first.save(part, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)
