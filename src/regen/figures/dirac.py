"""The games as pictures: one trajectory in three dimensions for each run, and one overview of all runs."""

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
from regen.figures.style import save_figure, use_style
from regen.params import FigureFiles

COLOURS = {"converges": "#0072B2", "converges slowly": "#009E73", "cycles": "#E69F00", "diverges": "#D55E00"}
"""Of verdicts; from Okabe and Ito (2008), told apart by colour-blind readers."""
METRICS = {"jsd": "JSD", "w1": "W1"}
POINTS = 2500
"""Points drawn of a trajectory: some 30 a turn of the fastest game, smooth to the eye."""
STEPS = 40
"""Windows of the overview's envelopes: wide enough to hide the swings at the course's settings."""
SEEDS = 32
"""Seeds drawn as thin lines; more would be a blot."""
NEAR, FAR = 1e-5, 100.0
"""Distances between which the overview looks; what runs off to 0 or infinity leaves the panel."""


def draw(trajectories: Trajectories, verdicts: pd.DataFrame, folder: Path, files: FigureFiles) -> None:
    """Write the figures NAME, of each run's first start, and overview into `folder`.

    verdicts: what `judge_runs` returned, one row a run, in the order of the trajectories

    Raises:
        InputError: the two do not have as many runs.
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
    """Return whether a row of the verdicts is of a run that averages theta."""
    return bool(pd.notna(row["ema"]))


def game_title(row: pd.Series) -> str:
    """Return what is played, such as `JSD + 0.1 R1`."""
    penalty = "" if row["penalty"] == "none" else f" + {row['coefficient']:g} {row['penalty'].upper()}"
    return f"{METRICS[row['metric']]}{penalty}"


def run_title(row: pd.Series) -> str:
    """Return what a run is, such as `JSD + 0.1 R1, EMA 0.998`."""
    return game_title(row) + (f", EMA {row['ema']:g}" if has_average(row) else "")


# ---- one run ---------------------------------------------------------------------------------------


def draw_trajectory(trajectories: Trajectories, run: int, row: pd.Series) -> Figure:
    """Return the picture of a run's first start; where theta is averaged, of the average, theta in grey."""
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
    """Return the verdict and how many seeds share it, for the average too where there is one."""
    text = f"{row['verdict']} ({float(row['agreement']):.0%} of seeds)"
    if has_average(row):
        text += f"; average {row['verdict_ema']} ({float(row['agreement_ema']):.0%})"
    return text


def frame(points: Array) -> float:
    """Return half the side of the cube to look at: all of a bounded path, the beginning of one that runs off.

    points: (iterations + 1, 3)
    """
    reach = np.max(np.abs(points), where=np.isfinite(points), initial=0.0)
    return 1.08 * float(min(reach, max(4 * np.linalg.norm(points[0]), 3.0)))


def inside(points: Array, limit: float) -> Array:
    """Return about POINTS of the path: those in the cube, and where it leaves, one point on the cube's side.

    The points further out are NaN, which breaks the line.
    """
    shown = points[:: max(1, len(points) // POINTS)]
    out = ~np.all(np.abs(shown) <= limit, axis=1)
    long_out = out & np.insert(out[:-1], 0, False)
    return np.where(long_out[:, None], np.nan, np.clip(shown, -limit, limit))


def set_frame(axes: Axes3D, limit: float, height: str) -> None:
    """Look at the cube from where the plane (psi0, theta), in which the players circle, lies open."""
    axes.set(xlim=(-limit, limit), ylim=(-limit, limit), zlim=(-limit, limit))
    axes.set(xlabel="$\\psi_0$", ylabel="$\\psi_1$", zlabel=height)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_major_locator(MaxNLocator(4, symmetric=True))
        axis.set_pane_color((1, 1, 1, 0))
    axes.tick_params(labelsize="small", pad=0)
    axes.view_init(elev=18, azim=-62)
    axes.set_box_aspect((1, 1, 1), zoom=0.98)


def draw_equilibria(axes: Axes3D, row: pd.Series, limit: float) -> None:
    """Draw where the distance is 0: the point with the report's two axes for jsd, the line for w1."""
    colour, span, zero = "#D55E00", [-limit, limit], [0.0, 0.0]
    label = "target, no equilibrium" if row["penalty"] == "gp" else "equilibrium"
    if row["metric"] == "w1":
        axes.plot(zero, span, zero, color=colour, linewidth=1.6, label=label, zorder=4)
        return
    axes.plot(span, zero, zero, color=colour, linewidth=0.8, linestyle=":", zorder=2)
    axes.plot(zero, zero, span, color=colour, linewidth=0.8, linestyle=":", zorder=2)
    axes.scatter(0, 0, 0, s=70, marker="*", color=colour, depthshade=False, label=label, zorder=6)


def draw_path(axes: Axes3D, points: Array, iterations: int) -> Line3DCollection:
    """Draw a path (n, 3) with time as its colour; return what a colour bar needs."""
    segments = np.stack([points[:-1], points[1:]], axis=1)
    lines = Line3DCollection(segments, cmap="viridis", linewidth=0.9, zorder=3)
    lines.set_array(np.linspace(0, iterations, len(segments)))
    axes.add_collection3d(lines)
    return lines


# ---- all runs --------------------------------------------------------------------------------------


def draw_overview(trajectories: Trajectories, verdicts: pd.DataFrame) -> Figure:
    """Return one panel a run: distance to the equilibrium set by iteration, and the verdict.

    A row of panels has one metric, without an average or with one; a column has one penalty.
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
    figure.suptitle(textwrap.fill(text, 30 * columns), x=0.01, ha="left", fontsize="medium")
    return figure


def draw_panel(axes: Axes, trajectories: Trajectories, run: int, row: pd.Series) -> None:
    """Draw one run's panel of the overview; where theta is averaged, the average, the players in grey."""
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
    """Return times and distances (seeds, times): at the start, then the largest of each of STEPS windows.

    A window's time is its middle. Infinity becomes a number that the axis can place, far above the panel.
    """
    length = distances.shape[1]
    edges = np.arange(min(STEPS, length)) * length // min(STEPS, length)
    highest = np.maximum.reduceat(distances, edges, axis=1)
    times = np.append(0, (edges + np.append(edges[1:], length) - 1) / 2)
    return times, np.minimum(np.concatenate([distances[:, :1], highest], axis=1), FAR**9)


def radius_text(row: pd.Series) -> str:
    """Return the spectral radius in a few characters."""
    radius = str(row["spectral_radius"])
    return f"$\\rho$ {radius}" if radius == "unbounded" else f"$\\rho$ = {float(radius):.5g}"
