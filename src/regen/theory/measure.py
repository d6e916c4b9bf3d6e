"""All tables, and the figures for judging the claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from regen.artifacts import Metrics, at_most, metric
from regen.theory.divergence import kl_diagonal_table, kl_table
from regen.theory.estimators import (
    FIXED,
    GROWS,
    IMPORTANCE,
    PLAIN,
    dimension_table,
    growth,
    rate,
    rate_table,
)
from regen.theory.gradients import gradient_table
from regen.theory.objective import bernoulli_table, first_reconstruction_table, objective_table

if TYPE_CHECKING:
    from regen.params import Theory


@dataclass(frozen=True)
class Measurements:
    """The tables; their columns are documented at the functions that make them."""

    kl: pd.DataFrame
    kl_diagonal: pd.DataFrame
    rate: pd.DataFrame
    dimensions: pd.DataFrame
    gradients: pd.DataFrame
    bernoulli: pd.DataFrame
    objective: pd.DataFrame
    first_reconstruction: pd.DataFrame


def measure(settings: Theory, seed: int) -> Measurements:
    """Compute all tables; the only randomness is `seed`."""
    return Measurements(
        kl=kl_table(settings, seed),
        kl_diagonal=kl_diagonal_table(settings, seed),
        rate=rate_table(settings, seed),
        dimensions=dimension_table(settings, seed),
        gradients=gradient_table(settings, seed),
        bernoulli=bernoulli_table(settings, seed),
        objective=objective_table(settings, seed),
        first_reconstruction=first_reconstruction_table(settings, seed),
    )


def summary(tables: Measurements) -> Metrics:
    """Figures for judging the claims, numbers or words."""
    return {
        **kl_summary(tables.kl),
        **estimator_summary(tables.rate, tables.dimensions),
        **gradient_summary(tables.gradients),
        **bernoulli_summary(tables.bernoulli),
        "objective_difference": metric(float(tables.objective["largest_difference"].max())),
        "first_reconstruction": metric(float(tables.first_reconstruction["mean"].iloc[0])),
    }


def kl_summary(kl: pd.DataFrame) -> Metrics:
    """Divergences of the course report's cases in nats, and the largest difference from the closed form."""
    off = (kl["monte_carlo"] - kl["closed_form"]).abs() / kl["standard_error"]
    ways = kl[["room", "quadrature"]].sub(kl["closed_form"], axis=0).abs().max(axis=1)
    return {
        "kl_zero": metric(float(kl["closed_form"].iloc[0])),
        "kl_fifty": metric(float(kl["closed_form"].iloc[1])),
        "kl_difference": metric(at_most(float(ways.max()))),
        "kl_standard_errors": metric(float(off.max())),  # without 0 / 0, for q = p
    }


def estimator_summary(by_samples: pd.DataFrame, by_latent: pd.DataFrame) -> Metrics:
    """Rates in L, factors per latent dimension, and errors of log p(x) in nats at both ends of D."""
    found: dict[str, float | int | str] = {}
    for name, estimator in (("monte_carlo", PLAIN), ("importance", IMPORTANCE)):
        slope = rate(by_samples, estimator)
        found[f"{name}_slope"] = metric(slope.value)
        found[f"{name}_slope_standard_error"] = metric(slope.standard_error)
        found[f"{name}_growth"] = metric(growth(by_latent, estimator))
        for observation in (GROWS, FIXED):
            rows = by_latent[
                (by_latent["estimator"] == estimator) & (by_latent["observation"] == observation)
            ]
            for place, row in (("first", 0), ("last", -1)):
                error = float(rows["log_error"].iloc[row])
                found[f"{name}_log_error_{observation}_{place}"] = metric(error)
    return found


def bernoulli_summary(bernoulli: pd.DataFrame) -> Metrics:
    """Means of the two formulas on binary images, in nats, or status words."""
    binary = bernoulli[bernoulli["data"] == "binary"].iloc[0]
    return {f"bernoulli_{column}": binary[column] for column in ("as_printed", "as_defined")}


def gradient_summary(gradients: pd.DataFrame) -> Metrics:
    """Largest difference from finite differences, and smallest and largest ratios of variances."""
    found: dict[str, float | int | str] = {
        "finite_difference_error": metric(float(gradients["finite_difference_error"].max()))
    }
    for way in ("score", "baseline"):
        ratios = gradients[f"ratio_{way}"]
        found[f"variance_ratio_{way}_least"] = metric(float(ratios.min()))
        found[f"variance_ratio_{way}_most"] = metric(float(ratios.max()))
    return found
