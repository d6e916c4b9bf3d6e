"""p(x) by Monte Carlo from the prior and by importance sampling, where p(x) is known.

Both are the mean of w = p(x|z) p(z) / q(z) over L draws of z from q; plain Monte Carlo has q = p(z), which
leaves w = p(x|z). The estimate is unbiased, and its relative error, as a root mean square, is exactly

    sqrt(chi2 / L),   1 + chi2 = E_q[w^2] / p(x)^2 = integral of p(z|x)^2 / q(z) dz:

it falls like 1/sqrt(L) for every q, from a height that q decides. Of D latent dimensions that each say as
much as another, 1 + chi2 is a product of D equal factors: the error grows exponentially with D, at a rate
that depends on how far q is from p(z|x). Where chi2 is far above L no draw hits what carries the mean: almost
every estimate is then almost 0, its measured relative error about 1, and the error of its logarithm, in
nats, goes on growing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from regen.theory.gaussian import Array, Gaussian, Problem, draw_problem, standard_normal_log_prob
from regen.theory.streams import stream

if TYPE_CHECKING:
    from regen.params import Theory

PLAIN, IMPORTANCE = "plain Monte Carlo", "importance sampling"
GROWS, FIXED = "grows", "fixed"
AT_ONCE = 100_000
"""Draws of z held at once: some MB."""


def log_chi_square_plus_1(p: Gaussian, q: Gaussian) -> float:
    """Return log of the integral of p^2 / q; infinite where q is too narrow for it to exist."""
    P, Q, d = p.precision, q.precision, q.mean - p.mean
    A = 2 * P - Q
    if np.linalg.eigvalsh(A).min() <= 0:
        return math.inf
    log_volumes = -2 * p.log_volume + q.log_volume - 0.5 * np.linalg.slogdet(A).logabsdet
    return float(log_volumes + 0.5 * d @ (Q @ np.linalg.solve(A, Q @ d) + Q @ d))


def log_estimates(
    problem: Problem, q: Gaussian, samples: int, repeats: int, rng: np.random.Generator
) -> Array:
    """Return log 1/L sum_l p(x|z_l) p(z_l) / q(z_l), L = `samples`, z_l from q: (repeats,) nats."""
    parts = []
    for count in _parts(repeats, max(1, AT_ONCE // samples)):
        draw = q.sample(rng.standard_normal((count, samples, len(q.mean))))
        log_joint = problem.model.log_likelihood(problem.x, draw.z) + standard_normal_log_prob(draw.z)
        parts.append(log_mean_exp(log_joint - draw.log_prob))
    return np.concatenate(parts)


def log_mean_exp(values: Array) -> Array:
    """Return the logarithm of the mean of exp(values) over the last axis."""
    top = values.max(-1, keepdims=True)  # np.logaddexp.reduce does the same in four times the time
    return np.asarray(np.log(np.exp(values - top).mean(-1)) + top[..., 0])


def _parts(total: int, size: int) -> Iterator[int]:
    return (min(size, total - start) for start in range(0, total, size))


def proposals(problem: Problem, settings: Theory) -> dict[str, Gaussian]:
    """Return what each estimator draws z from: the prior, or about the posterior, as an encoder knows it."""
    posterior = problem.model.posterior(problem.x)
    return {
        PLAIN: Gaussian.standard(len(posterior.mean)),
        IMPORTANCE: posterior.moved(settings.proposal_shift, settings.proposal_spread),
    }


@dataclass(frozen=True)
class Errors:
    """Errors of one estimator of p(x) on one problem, root mean squares over the repeats."""

    relative_error: float
    """Of p(x)."""
    expected_error: float
    """The same, exactly."""
    log_error: float
    """Of log p(x), nats."""
    samples_for_10_percent: float
    """L at which the exact relative error would be 0.1."""


def measure_errors(
    problem: Problem, q: Gaussian, samples: int, repeats: int, rng: np.random.Generator
) -> Errors:
    """Estimate p(x) of `problem` `repeats` times, with `samples` draws from `q` each."""
    off = log_estimates(problem, q, samples, repeats, rng) - problem.model.log_evidence(problem.x)
    # at least 0 by its definition, if not by rounding
    chi2 = max(0.0, math.expm1(log_chi_square_plus_1(problem.model.posterior(problem.x), q)))
    return Errors(
        relative_error=math.sqrt(np.square(np.expm1(off)).mean()),
        expected_error=math.sqrt(chi2 / samples),
        log_error=math.sqrt(np.square(off).mean()),
        samples_for_10_percent=chi2 / 0.1**2,
    )


def compare(latent: int, observed: int, samples: int, settings: Theory, seed: int) -> pd.DataFrame:
    """Return a row for each estimator: medians of its errors over problems of the same size.

    `information` is the median of KL(p(z|x) || p(z)), nats: how much x says about z.
    """
    rows = []
    for number in range(settings.problems):
        here = (latent, observed, number)
        problem = draw_problem(latent, observed, settings.noise, stream(seed, "problem", *here))
        information = problem.model.posterior(problem.x).kl_to_standard()
        for name, q in proposals(problem, settings).items():
            rng = stream(seed, name, *here, samples)
            errors = measure_errors(problem, q, samples, settings.repeats, rng)
            rows.append({"estimator": name, "information": information, **vars(errors)})
    medians = pd.DataFrame(rows).groupby("estimator", sort=False, as_index=False).median()
    return medians.assign(latent=latent, observed=observed, samples=samples)


def rate_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Return the errors by number of samples L, at one latent dimension."""
    latent = settings.rate_latent
    observed = settings.observed_per_latent * latent
    parts = [compare(latent, observed, L, settings, seed) for L in sorted(settings.rate_samples)]
    columns = ["estimator", "latent", "observed", "samples", "relative_error", "expected_error", "log_error"]
    return pd.concat(parts)[columns]


def dimension_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Return the errors by latent dimension, at one number of samples.

    The observation grows with z, `observed_per_latent` values for each latent dimension, so that each of
    these can be told from x as well as in a small model; or it stays as large as for `rate_latent`.
    """
    parts = []
    for observation in (GROWS, FIXED):
        for latent in sorted(settings.dimensions):
            of = latent if observation == GROWS else settings.rate_latent
            observed = settings.observed_per_latent * of
            rows = compare(latent, observed, settings.dimension_samples, settings, seed)
            parts.append(rows.assign(observation=observation))
    columns = ["observation", "estimator", "latent", "observed", "samples", "information"]
    columns += ["relative_error", "expected_error", "log_error", "samples_for_10_percent"]
    return pd.concat(parts)[columns]


@dataclass(frozen=True)
class Slope:
    """A straight line's slope by least squares, and its standard error from the scatter about the line."""

    value: float
    standard_error: float


def fit_slope(x: Array, y: Array) -> Slope:
    """Return the slope of `y` over `x`, both (n,), n > 2."""
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
    return Slope(float(slope), math.sqrt(covariance[0, 0]))


def rate(table: pd.DataFrame, estimator: str) -> Slope:
    """Return the power of L with which the measured relative error of `rate_table` changes: -1/2 expected."""
    rows = table[table["estimator"] == estimator]
    return fit_slope(
        np.log(rows["samples"].to_numpy(np.float64)), np.log(rows["relative_error"].to_numpy(np.float64))
    )


def growth(table: pd.DataFrame, estimator: str) -> float:
    """Return by what factor each latent dimension multiplies the samples needed, where x grows with z.

    It is that of 1 + chi2, the product over the dimensions, by least squares over `dimension_table`.
    """
    rows = table[(table["estimator"] == estimator) & (table["observation"] == GROWS)]
    chi2 = rows["samples_for_10_percent"].to_numpy(np.float64) * 0.1**2
    return math.exp(fit_slope(rows["latent"].to_numpy(np.float64), np.log1p(chi2)).value)
