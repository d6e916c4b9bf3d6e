"""p(x) by Monte Carlo from the prior and by importance sampling, in a model with known p(x).

Both are the mean of w = p(x|z) p(z) / q(z) over L draws of z from q; plain Monte Carlo has q = p(z), which
leaves w = p(x|z). The estimate is unbiased, and its relative error, as a root mean square, is exactly

    sqrt(chi2 / L),   1 + chi2 = E_q[w^2] / p(x)^2 = integral of p(z|x)^2 / q(z) dz:

it falls like 1/sqrt(L) for every q, with a factor that depends on q. For D equally informative latent
dimensions, 1 + chi2 is a product of D equal factors: the error grows exponentially with D, at a rate that
depends on how far q is from p(z|x). If chi2 is far above L, no draw hits the region that dominates the mean:
almost every estimate is then close to 0 and its measured relative error about 1, while the error of its
logarithm, in nats, keeps growing.
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
"""Draws of z in memory at once: a few MB."""


def log_chi_square_plus_1(p: Gaussian, q: Gaussian) -> float:
    """Log of the integral of p^2 / q; infinite if q is too narrow for it to exist."""
    P, Q, d = p.precision, q.precision, q.mean - p.mean
    A = 2 * P - Q
    if np.linalg.eigvalsh(A).min() <= 0:
        return math.inf
    log_volumes = -2 * p.log_volume + q.log_volume - 0.5 * np.linalg.slogdet(A).logabsdet
    return float(log_volumes + 0.5 * d @ (Q @ np.linalg.solve(A, Q @ d) + Q @ d))


def log_estimates(
    problem: Problem, q: Gaussian, samples: int, repeats: int, rng: np.random.Generator
) -> Array:
    """Estimates log 1/L sum_l p(x|z_l) p(z_l) / q(z_l), L = `samples`, z_l from q: (repeats,) nats."""
    parts = []
    for count in _parts(repeats, max(1, AT_ONCE // samples)):
        draw = q.sample(rng.standard_normal((count, samples, len(q.mean))))
        log_joint = problem.model.log_likelihood(problem.x, draw.z) + standard_normal_log_prob(draw.z)
        parts.append(log_mean_exp(log_joint - draw.log_prob))
    return np.concatenate(parts)


def log_mean_exp(values: Array) -> Array:
    """Logarithm of the mean of exp(values) over the last axis."""
    top = values.max(-1, keepdims=True)  # np.logaddexp.reduce is four times slower
    return np.asarray(np.log(np.exp(values - top).mean(-1)) + top[..., 0])


def _parts(total: int, size: int) -> Iterator[int]:
    return (min(size, total - start) for start in range(0, total, size))


def proposals(problem: Problem, settings: Theory) -> dict[str, Gaussian]:
    """Proposals of the estimators: the prior, and an approximate posterior, as an encoder gives it."""
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
    """Its exact value."""
    log_error: float
    """Of log p(x), nats."""
    samples_for_10_percent: float
    """L at which the exact relative error would be 0.1."""


def measure_errors(
    problem: Problem, q: Gaussian, samples: int, repeats: int, rng: np.random.Generator
) -> Errors:
    """Estimate p(x) of `problem` `repeats` times, with `samples` draws from `q` each."""
    off = log_estimates(problem, q, samples, repeats, rng) - problem.model.log_evidence(problem.x)
    # 0 or more up to rounding
    chi2 = max(0.0, math.expm1(log_chi_square_plus_1(problem.model.posterior(problem.x), q)))
    return Errors(
        relative_error=math.sqrt(np.square(np.expm1(off)).mean()),
        expected_error=math.sqrt(chi2 / samples),
        log_error=math.sqrt(np.square(off).mean()),
        samples_for_10_percent=chi2 / 0.1**2,
    )


def compare(latent: int, observed: int, samples: int, settings: Theory, seed: int) -> pd.DataFrame:
    """Table with one row per estimator: medians of its errors over problems of the same size.

    `information` is the median of KL(p(z|x) || p(z)) in nats: the information that x carries about z.
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
    """Table of the errors by number of samples L, for a fixed latent dimension."""
    latent = settings.rate_latent
    observed = settings.observed_per_latent * latent
    parts = [compare(latent, observed, L, settings, seed) for L in sorted(settings.rate_samples)]
    columns = ["estimator", "latent", "observed", "samples", "relative_error", "expected_error", "log_error"]
    return pd.concat(parts)[columns]


def dimension_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Table of the errors by latent dimension, for a fixed number of samples.

    The observation either grows with z, with `observed_per_latent` values per latent dimension, so that x
    determines each of them as well as in a small model; or it keeps the size that it has for `rate_latent`.
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
    """Slope of a least-squares line, and its standard error from the residuals."""

    value: float
    standard_error: float


def fit_slope(x: Array, y: Array) -> Slope:
    """Fit the slope of `y` over `x`, both (n,), n > 2."""
    (slope, _), covariance = np.polyfit(x, y, 1, cov=True)
    return Slope(float(slope), math.sqrt(covariance[0, 0]))


def rate(table: pd.DataFrame, estimator: str) -> Slope:
    """Fit the power of L in the measured relative error of `rate_table`; -1/2 is expected."""
    rows = table[table["estimator"] == estimator]
    return fit_slope(
        np.log(rows["samples"].to_numpy(np.float64)), np.log(rows["relative_error"].to_numpy(np.float64))
    )


def growth(table: pd.DataFrame, estimator: str) -> float:
    """Fit the factor by which a latent dimension multiplies the samples needed, where x grows with z.

    It is the factor per dimension of 1 + chi2, by least squares over `dimension_table`.
    """
    rows = table[(table["estimator"] == estimator) & (table["observation"] == GROWS)]
    chi2 = rows["samples_for_10_percent"].to_numpy(np.float64) * 0.1**2
    return math.exp(fit_slope(rows["latent"].to_numpy(np.float64), np.log1p(chi2)).value)
