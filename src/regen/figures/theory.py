"""Figures of the theory measurements, from saved tables only."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regen.figures.style import add_heading, save_figure, use_style
from regen.params import FigureFiles
from regen.theory.estimators import FIXED, GROWS, IMPORTANCE, PLAIN, rate

LOOKS = {PLAIN: ("#D55E00", "o"), IMPORTANCE: ("#0072B2", "s")}
"""Colour and marker of each estimator."""
WAYS = {
    "score": ("score function", "#D55E00", "o"),
    "baseline": ("score function, baseline", "#E69F00", "^"),
    "reparameterised": ("reparameterised", "#0072B2", "s"),
}
"""Name, colour and marker of each gradient estimator, in the order of the panels: largest variance first."""
FORMULAS = {"quadratic": "$f(z) = |z|^2 / 2$", "cosine": "$f(z) = \\cos z_1 + \\dots + \\cos z_D$"}
SYMBOLS = {"mu": "$\\mu$", "logvar": "$\\log \\sigma^2$"}
POWERLESS = 1.0
"""Relative error of the estimate 0."""


def draw(
    rates: pd.DataFrame, dimensions: pd.DataFrame, gradients: pd.DataFrame, folder: Path, files: FigureFiles
) -> None:
    """Write the figures rate, dimensions and gradients into `folder`, from the tables of those names."""
    with use_style():
        save_figure(draw_rate(rates), folder / "rate", files)
        save_figure(draw_dimensions(dimensions), folder / "dimensions", files)
        save_figure(draw_gradients(gradients), folder / "gradients", files)


def draw_rate(table: pd.DataFrame) -> Figure:
    """Draw the relative error of p(x) by number of samples: measured points, exact lines, fitted slopes."""
    figure, axes = plt.subplots(figsize=(5.2, 3.6))
    for name in LOOKS:
        slope = rate(table, name)
        label = f"{name}: slope {slope.value:.3f} ± {slope.standard_error:.3f}"
        draw_errors(axes, table[table["estimator"] == name], "samples", "relative_error", label)
    axes.set(xscale="log", yscale="log")
    axes.set(xlabel="samples of z, L", ylabel="relative error of p(x), root mean square")
    axes.legend()
    latent, observed = (int(table[name].iloc[0]) for name in ("latent", "observed"))
    add_heading(
        figure,
        f"How far estimates of p(x) are off: z in {latent} dimensions, x of {observed} values\n"
        "Points: measured. Lines: exact, of slope -1/2.",
    )
    return figure


def draw_errors(axes: Axes, rows: pd.DataFrame, x: str, error: str, label: str) -> None:
    """Draw one estimator's errors as points and, for errors of p(x), the exact ones as a line."""
    colour, marker = LOOKS[rows["estimator"].iloc[0]]
    exact = error == "relative_error"
    axes.plot(rows[x], rows[error], marker, color=colour, linestyle="" if exact else "-", label=label)
    if exact:
        axes.plot(rows[x], rows["expected_error"], color=colour, linewidth=1)


def draw_dimensions(table: pd.DataFrame) -> Figure:
    """Draw errors of p(x) (top) and log p(x) (bottom) by latent dimension.

    The observation grows with z on the left and has a fixed size on the right.
    """
    figure, grid = plt.subplots(2, 2, figsize=(7.2, 5.4), sharex=True, sharey="row")
    for (above, below), observation in zip(grid.T, (GROWS, FIXED), strict=True):
        rows = table[table["observation"] == observation]
        for name in LOOKS:
            mine = rows[rows["estimator"] == name]
            draw_errors(above, mine, "latent", "relative_error", name)
            draw_errors(below, mine, "latent", "log_error", name)
        above.axhline(POWERLESS, color="0.5", linewidth=0.8, linestyle="--")
        above.set(yscale="log", title=observation_title(rows))
        below.set(yscale="log", xlabel="latent dimension D", xticks=rows["latent"].unique())
    grid[0, 1].text(
        0.03, 1.25, "error of the answer 0", color="0.35", transform=grid[0, 1].get_yaxis_transform()
    )
    grid[0, 0].set_ylabel("relative error of p(x)")
    grid[1, 0].set_ylabel("error of log p(x), nats")
    grid[0, 1].legend(loc="upper left")
    samples = int(table["samples"].iloc[0])
    add_heading(
        figure,
        f"How far estimates of p(x) are off, with {samples} samples of z: root mean squares\n"
        "Points: measured. Lines, above: exact; where they pass 1 by far, no draw hit what makes the mean.",
    )
    return figure


def observation_title(rows: pd.DataFrame) -> str:
    """Describe the size of the observation relative to z."""
    observed = rows["observed"].astype(int)
    if rows["observation"].iloc[0] == FIXED:
        return f"x keeps {observed.iloc[0]} values"
    return f"x grows with z: {observed.iloc[0] // int(rows['latent'].iloc[0])} D values"


def draw_gradients(table: pd.DataFrame) -> Figure:
    """Draw the variance of one draw's gradient by latent dimension: a panel per function and parameter."""
    figure, grid = plt.subplots(2, 2, figsize=(7.2, 5.4), sharex=True, sharey=True)
    for row, (function, formula) in zip(grid, FORMULAS.items(), strict=True):
        for axes, (parameter, symbol) in zip(row, SYMBOLS.items(), strict=True):
            rows = table[(table["function"] == function) & (table["parameter"] == parameter)]
            for way, (label, colour, marker) in WAYS.items():
                axes.plot(rows["latent"], rows[f"variance_{way}"], marker=marker, color=colour, label=label)
            axes.set(xscale="log", yscale="log", title=f"{formula}, in {symbol}")
            axes.set_xticks(rows["latent"], [f"{latent:g}" for latent in rows["latent"]], minor=False)
            axes.minorticks_off()
        row[0].set_ylabel("variance, mean over coordinates")
    for axes in grid[-1]:
        axes.set_xlabel("latent dimension D")
    grid[1, 1].legend(loc="upper left")
    add_heading(figure, "Variance of the gradient of E f(z) from one draw of z, along one coordinate")
    return figure
