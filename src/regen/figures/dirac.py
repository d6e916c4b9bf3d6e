"""Figures of the Dirac games: a 3-D trajectory per run, and an overview of all runs."""

from __future__ import annotations

import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Line3DCollection
from numpy.typing import NDArray

from regen.dirac.game import Array, Trajectories
from regen.dirac.verdict import distance, finite
from regen.errors import InputError
from regen.figures.style import add_heading, save_figure, use_style
from regen.params import FigureFiles

COLOURS = {"converges": "#0072B2", "converges slowly": "#009E73", "cycles": "#E69F00", "diverges": "#D55E00"}
"""Colours of verdicts, from the colour-blind safe palette of Okabe and Ito (2008)."""
METRICS = {"jsd": "JSD", "w1": "W1"}
POINTS = 2500
"""Points drawn per trajectory: some 30 per turn of the fastest game, which looks smooth."""
STEPS = 40
"""Windows of the overview's envelopes, wide enough to hide the oscillations at the course's settings."""
SEEDS = 32
"""Seeds drawn as thin lines; more would be illegible."""
NEAR, FAR = 1e-5, 100.0
"""Range of distances in the overview; curves that tend to 0 or infinity leave the panel."""


def draw(trajectories: Trajectories, verdicts: pd.DataFrame, folder: Path, files: FigureFiles) -> None:
    """Write a figure of each run's first start, and the overview, into `folder`.

    verdicts: output of `judge_runs`, one row per run, in the order of the trajectories

    Raises:
        InputError: the two have different numbers of runs.
    """
    if len(verdicts) != len(trajectories.theta):
        raise InputError(
            f"dirac: {len(trajectories.theta)} trajectories but {len(verdicts)} verdicts; "
            f"both come from the stage play_dirac: run it again"
        )
    with use_style():
        for i, (_, row) in enumerate(verdicts.iterrows()):
            save_figure(draw_trajectory(trajectories, i, row), folder / row["name"], files)
        save_figure(draw_overview(trajectories, verdicts), folder / "overview", files)


def has_average(row: pd.Series) -> bool:
    """Whether a row of the verdicts belongs to a run that averages theta."""
    return bool(pd.notna(row["ema"]))


def game_title(row: pd.Series) -> str:
    """Name of a game, such as `JSD + 0.1 R1`."""
    penalty = "" if row["penalty"] == "none" else f" + {row['coefficient']:g} {row['penalty'].upper()}"
    return f"{METRICS[row['metric']]}{penalty}"


def run_title(row: pd.Series) -> str:
    """Title of a run, such as `JSD + 0.1 R1, EMA 0.998`."""
    return game_title(row) + (f", EMA {row['ema']:g}" if has_average(row) else "")


# ---- one run ---------------------------------------------------------------------------------------


def draw_trajectory(trajectories: Trajectories, run: int, row: pd.Series) -> Figure:
    """Draw a run's first start; if theta is averaged, the average in colour and theta in grey."""
    psi0, psi1, theta, average = (
        getattr(trajectories, name)[run, 0] for name in ("psi0", "psi1", "theta", "theta_ema")
    )
    figure = plt.figure(figsize=(4.8, 4.0), layout="none")
    axes: Axes3D = figure.add_axes((0.0, 0.03, 0.8, 0.84), projection="3d", computed_zorder=False)
    path = np.stack([psi0, psi1, average], axis=1)
    limit = frame(np.stack([psi0, psi1, theta], axis=1))
    set_frame(axes, limit, "average of $\\theta$" if has_average(row) else "$\\theta$")
    draw_equilibria(axes, row, limit)
    if has_average(row):
        shown = inside(np.stack([psi0, psi1, theta], axis=1), limit)
        axes.plot(*shown.T, color="0.75", linewidth=0.5, label="$\\theta$ itself", zorder=1)
    colours = draw_path(axes, inside(path, limit), len(psi0) - 1)
    bar = figure.add_axes((0.87, 0.2, 0.02, 0.5))
    figure.colorbar(colours, cax=bar, ticks=MaxNLocator(5, integer=True)).ax.set_title(
        "iteration", fontsize="small"
    )
    axes.scatter(
        *path[0], s=45, facecolor="white", edgecolor="black", depthshade=False, label="start", zorder=5
    )
    figure.legend(loc="upper left", ncols=3, fontsize="small", bbox_to_anchor=(0.0, 0.89))
    figure.suptitle(
        f"{row['name']}: {run_title(row)}\n{verdict_text(row)}", x=0.02, ha="left", fontsize="medium"
    )
    return figure


def verdict_text(row: pd.Series) -> str:
    """Describe the verdict and the share of seeds that have it, also for the average if there is one."""
    text = f"{row['verdict']} ({float(row['agreement']):.0%} of seeds)"
    if has_average(row):
        text += f"; average {row['verdict_ema']} ({float(row['agreement_ema']):.0%})"
    return text


def frame(points: Array) -> float:
    """Compute half the side of the visible cube: all of a bounded path, the beginning of a divergent one.

    points: (iterations + 1, 3)
    """
    reach = np.max(np.abs(points), where=np.isfinite(points), initial=0.0)
    return 1.08 * float(min(reach, max(4 * np.linalg.norm(points[0]), 3.0)))


def inside(points: Array, limit: float) -> Array:
    """Thin the path to about POINTS points in the cube, with one on its side where the path leaves.

    Points further out are NaN, which breaks the line.
    """
    shown = points[:: max(1, len(points) // POINTS)]
    out = ~np.all(np.abs(shown) <= limit, axis=1)
    long_out = out & np.insert(out[:-1], 0, False)
    return np.where(long_out[:, None], np.nan, np.clip(shown, -limit, limit))


def set_frame(axes: Axes3D, limit: float, height: str) -> None:
    """Set the view so that the plane (psi0, theta), in which the players circle, is visible."""
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), zlim=(-limit, limit))
    axes.set(xlabel="$\\psi_0$", ylabel="$\\psi_1$", zlabel=height)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(4, symmetric=True))
        axis.set_pane_color((1, 1, 1, 0))
    axes.tick_params(labelsize="small", pad=0)
    axes.view_init(elev=18, azim=-62)
    axes.set_box_aspect((1, 1, 1), zoom=0.98)


def draw_equilibria(axes: Axes3D, row: pd.Series, limit: float) -> None:
    """Draw the equilibrium set: the point with the course report's two axes for jsd, the line for w1."""
    colour, span, zero = "#D55E00", [-limit, limit], [0.0, 0.0]
    label = "target, no equilibrium" if row["penalty"] == "gp" else "equilibrium"
    if row["metric"] == "w1":
        axes.plot(zero, span, zero, color=colour, linewidth=1.6, label=label, zorder=4)
        return
    axes.plot(span, zero, zero, color=colour, linewidth=0.8, linestyle=":", zorder=2)
    axes.plot(zero, zero, span, color=colour, linewidth=0.8, linestyle=":", zorder=2)
    axes.scatter(0, 0, 0, s=70, marker="*", color=colour, depthshade=False, label=label, zorder=6)


def draw_path(axes: Axes3D, points: Array, iterations: int) -> Line3DCollection:
    """Draw a path (n, 3) coloured by time; return the artist for the colour bar."""
    segments = np.stack([points[:-1], points[1:]], axis=1)
    lines = Line3DCollection(segments, cmap="viridis", linewidth=0.9, zorder=3)
    lines.set_array(np.linspace(0, iterations, len(segments)))
    axes.add_collection3d(lines)
    return lines


# ---- all runs --------------------------------------------------------------------------------------


def draw_overview(trajectories: Trajectories, verdicts: pd.DataFrame) -> Figure:
    """Draw one panel per run: distance to the equilibrium set by iteration, and the verdict.

    Rows are metrics, without and with an average; columns are penalties.
    """
    games = [(row["metric"], has_average(row)) for _, row in verdicts.iterrows()]
    kinds = list(dict.fromkeys(games))
    columns = max(games.count(kind) for kind in kinds)
    figure, grid = plt.subplots(
        len(kinds),
        columns,
        figsize=(2.15 * columns, 1.75 * len(kinds) + 0.6),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for i, kind in enumerate(kinds):
        members = [run for run, game in enumerate(games) if game == kind]
        for axes, run in zip(grid[i], members, strict=False):
            draw_panel(axes, trajectories, run, verdicts.iloc[run])
        what = "of the average\nof θ from 0" if kind[1] else "to the\nequilibrium set"
        grid[i, 0].set_ylabel(f"distance {what}")
    for axes in grid[-1]:
        axes.set_xlabel("iteration")
    text = (
        f"Largest distance in each {STEPS}th of the run: every start (thin) and the median (thick). "
        "Dashed: the players' distance, where the average is judged. "
        "$\\rho$:\u00a0spectral radius of the linearised update."
    )
    add_heading(figure, textwrap.fill(text, 30 * columns))
    return figure


def draw_panel(axes: Axes, trajectories: Trajectories, run: int, row: pd.Series) -> None:
    """Draw one run's panel of the overview; if theta is averaged, the average, with the players in grey."""
    psi0, psi1, theta = trajectories.psi0[run], trajectories.psi1[run], trajectories.theta[run]
    times, players = outline(distance(row["metric"], psi0, psi1, theta))
    verdict = row["verdict"]
    if has_average(row):
        axes.plot(times, np.median(players, axis=0), color="0.55", linewidth=1, linestyle="--")
        times, players = outline(finite(np.abs(trajectories.theta_ema[run])))
        verdict = row["verdict_ema"]
    colour = COLOURS[verdict]
    axes.plot(times, players[:SEEDS].T, color=colour, linewidth=0.4, alpha=0.5)
    axes.plot(times, np.median(players, axis=0), color=colour, linewidth=2)
    axes.set(yscale="log", ylim=(NEAR, FAR), xlim=(-0.02 * times[-1], theta.shape[1] - 1))
    axes.yaxis.set_major_locator(LogLocator(numticks=5))
    axes.set_title(game_title(row) + (", EMA" if has_average(row) else ""), fontsize="medium")
    add_labels(axes, verdict, radius_text(row))


def add_labels(axes: Axes, verdict: str, radius: str) -> None:
    """Write the verdict, on its colour, and the spectral radius into a panel."""
    ink = "black" if verdict == "cycles" else "white"
    box = {"facecolor": COLOURS[verdict], "edgecolor": "none", "boxstyle": "round,pad=0.25"}
    place = axes.transAxes
    axes.text(0.97, 0.95, verdict, transform=place, ha="right", va="top", color=ink, weight="bold", bbox=box)
    axes.text(0.27, 0.05, radius, transform=place, fontsize="small", color="0.3")


def outline(distances: Array) -> tuple[NDArray[np.float64], Array]:
    """Compute times and distances (seeds, times): the start, then the maximum of each of STEPS windows.

    A window's time is its middle. Infinity is replaced by a finite number far above the panel.
    """
    length = distances.shape[1]
    edges = np.arange(min(STEPS, length)) * length // min(STEPS, length)
    highest = np.maximum.reduceat(distances, edges, axis=1)
    times = np.append(0, (edges + np.append(edges[1:], length) - 1) / 2)
    return times, np.minimum(np.concatenate([distances[:, :1], highest], axis=1), FAR**9)


def radius_text(row: pd.Series) -> str:
    """Format the spectral radius briefly."""
    radius = str(row["spectral_radius"])
    return f"$\\rho$ {radius}" if radius == "unbounded" else f"$\\rho$ = {float(radius):.5g}"
