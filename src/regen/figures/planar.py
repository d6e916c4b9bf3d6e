"""Figures of the planar flows: targets and learned densities, samples, losses, single maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from regen.figures.style import save_figure, use_style
from regen.params import FigureFiles
from regen.planar.flows import Flows, Run
from regen.planar.scores import log_density, log_likelihood
from regen.planar.targets import TARGETS, Target

CELLS = 160
"""Cells per side of the densities' grid."""
SAMPLES = 500
"""Samples shown per flow, as in the course report."""
CURVE = 200
"""Maximum number of points of a loss curve."""
STEEP = 0.05
"""Share of the losses, from the steep start, that may be above the panel."""
VIEWS = {"arcs": (4.0, 4.0), "sine": (6.5, 3.0)}
"""Half the sides of the visible part of a target."""
TITLES = {
    "samples": "flows trained from samples of '{target}'",
    "density": "flows trained from the density of '{target}'",
}
ORIGINS = {"generated": "generated here", "files": "the report's files"}
COLOURS = {"density": "magma", "points": "#0072B2"}

Trained = Mapping[int, tuple[list[Run], Flows]]
"""Runs of each depth k, with their flows."""


def draw(
    trained: Trained, points: Mapping[str, Tensor], origin: str, folder: Path, files: FigureFiles
) -> None:
    """Draw densities, samples and losses of all runs, for the first seed; `origin` is that of the points."""
    with use_style():
        for target in TARGETS:
            for source in TITLES:
                title = TITLES[source].format(target=target)
                title += f" ({ORIGINS[origin]})" if source == "samples" else ""
                chosen = {k: _first(*trained[k], target, source) for k in sorted(trained)}
                save_figure(densities(chosen, target, title), folder / f"{source}_{target}", files)
                shown = samples(chosen, points[target], target, title)
                save_figure(shown, folder / f"{source}_{target}_samples", files)
        save_figure(losses(trained), folder / "losses", files)


def _first(runs: list[Run], flows: Flows, target: str, source: str) -> tuple[Run, Flows, int]:
    index = next(i for i, run in enumerate(runs) if (run.target, run.source) == (target, source))
    return runs[index], flows, index


def _cells(view: tuple[float, float]) -> Tensor:
    """Centres of CELLS x CELLS cells, row by row from below, (CELLS^2, 2) float64."""
    centres = (torch.arange(CELLS, dtype=torch.float64) + 0.5) / CELLS * 2 - 1
    z1, z0 = torch.meshgrid(view[1] * centres, view[0] * centres, indexing="ij")
    return torch.stack([z0, z1], -1).flatten(0, 1)


def _show(ax: Axes, log_p: Tensor, view: tuple[float, float], title: str) -> None:
    density = (log_p - log_p.max()).exp().unflatten(0, (CELLS, CELLS))
    left, below = view
    ax.imshow(density, origin="lower", extent=(-left, left, -below, below), cmap=COLOURS["density"])
    ax.set_title(title)
    ax.grid(visible=False)


def _panels(count: int, view: tuple[float, float], title: str) -> tuple[Figure, list[Axes]]:
    width = 2.4
    height = width * view[1] / view[0] + 0.75
    figure, axes = plt.subplots(1, count, figsize=(width * count, height), sharex=True, sharey=True)
    axes[0].set(ylabel="$z_1$")
    for ax in axes:
        ax.set(xlabel="$z_0$", aspect="equal")
    figure.suptitle(title, x=0.01, ha="left")
    return figure, list(axes)


@torch.no_grad()
def densities(chosen: Mapping[int, tuple[Run, Flows, int]], name: str, title: str) -> Figure:
    """Draw the target's density and the learned ones for each k, each scaled to its own maximum."""
    view, target = VIEWS[name], TARGETS[name]
    cells = _cells(view)
    figure, axes = _panels(1 + len(chosen), view, title)
    _show(axes[0], target.log_density(*cells.unbind(-1)), view, "target")
    for ax, (k, (run, flows, index)) in zip(axes[1:], chosen.items(), strict=True):
        density = log_likelihood if run.source == "samples" else log_density
        _show(ax, density(flows[index], cells), view, f"k = {k}")
    return figure


def _samples(run: Run, flow: Flows, index: int) -> Tensor:
    """Draw SAMPLES points (SAMPLES, 2) from a flow, with the same noise for all flows."""
    noise = torch.randn(SAMPLES, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return flow[index].inverse(noise) if run.source == "samples" else flow[index].forward(noise).y


@torch.no_grad()
def samples(chosen: Mapping[int, tuple[Run, Flows, int]], points: Tensor, name: str, title: str) -> Figure:
    """Draw SAMPLES points of the target next to as many of each flow, from the same noise."""
    figure, axes = _panels(1 + len(chosen), VIEWS[name], f"{title}: {SAMPLES} samples")
    shown = {"target": points[:SAMPLES]} | {f"k = {k}": _samples(*each) for k, each in chosen.items()}
    for ax, (label, z) in zip(axes, shown.items(), strict=True):
        ax.plot(*z.T, ".", color=COLOURS["points"], markersize=2.5, markeredgewidth=0)
        left, below = VIEWS[name]
        ax.set(title=label, xlim=(-left, left), ylim=(-below, below))
    return figure


def _floor(target: Target, source: str) -> float | None:
    """What the loss cannot fall below, but by the luck of the points drawn, if known: entropy, or -log Z."""
    if not target.proper:
        return None
    return target.entropy() if source == "samples" else -target.log_normaliser()


def losses(trained: Trained) -> Figure:
    """Draw the minibatch losses over the iterations, one line per seed, and the least expected one."""
    figure, axes = plt.subplots(2, 2, figsize=(8, 5.4), sharex=True)
    cases = [(target, source) for source in TITLES for target in TARGETS]
    for ax, (target, source) in zip(axes.flat, cases, strict=True):
        curves = {k: _curves(*trained[k], target, source) for k in sorted(trained)}
        for colour, (k, lines) in enumerate(curves.items()):
            ax.plot(
                lines, color=f"C{colour}", linewidth=0.9, label=[f"k = {k}", *[None] * (lines.shape[1] - 1)]
            )
        every = pd.concat(curves.values(), axis=1)
        low, high = np.quantile(every, [0, 1 - STEEP])
        ax.set_ylim(low - 0.05 * (high - low), high)
        least = "entropy" if source == "samples" else "-log Z"
        if (floor := _floor(TARGETS[target], source)) is not None:
            ax.axhline(floor, color="black", linestyle=":", linewidth=1, label=f"{least} of the target")
            ax.set_ylim(bottom=floor - 0.05 * (high - floor))
        what = "-log p(x)" if source == "samples" else "KL(q || p) - log Z"
        ax.set(title=f"{target}, from {source}", ylabel=f"{what} (nats)")
        ax.legend()
    for ax in axes[1]:
        ax.set_xlabel("iteration")
    return figure


def _curves(runs: list[Run], flows: Flows, target: str, source: str) -> pd.DataFrame:
    """Average consecutive losses to at most CURVE points: one row per iteration, one column per seed."""
    these = [i for i, run in enumerate(runs) if (run.target, run.source) == (target, source)]
    window = -(-len(flows.losses) // CURVE)
    every = pd.DataFrame(flows.losses[:, these], index=range(1, len(flows.losses) + 1))
    return every.rolling(window).mean()[window - 1 :: window]


def draw_maps(moved: Mapping[str, Tensor], table: pd.DataFrame, folder: Path, files: FigureFiles) -> None:
    """Draw normal samples before and after single planar maps; `moved` has `before`, `after-0`, ..."""
    with use_style():
        save_figure(maps(moved, table), folder / "maps", files)


def maps(moved: Mapping[str, Tensor], table: pd.DataFrame) -> Figure:
    """Draw one panel per map: samples before in grey, after in colour."""
    columns = 5
    figure, axes = plt.subplots(-(-len(table) // columns), columns, figsize=(10, 4.6))
    before = moved["before"]
    for ax, (i, row) in zip(axes.flat, table.iterrows(), strict=False):
        ax.plot(*before.T, ".", color="0.7", markersize=1.5, label="before")
        ax.plot(*moved[f"after-{i}"].T, ".", color=COLOURS["points"], markersize=1.5, label="after")
        spread = f"N({row['mean']:g}, {row['variance']:g}), b = {row['b']:g}"
        ax.set_title(f"{spread}\n{row['verdict']}", fontsize=8)
        ax.tick_params(labelsize=7)
    axes.flat[3].legend(fontsize=7, markerscale=4, loc="upper left")
    figure.suptitle(
        "Single planar maps of 1000 normal samples; u and w from N(mean, variance)", x=0.01, ha="left"
    )
    return figure
