"""KL(q || p) of Gaussians in closed form, by quadrature and by Monte Carlo.

KL(N(m, s^2) || N(m', s'^2)) = log(s'/s) + (s^2 + (m - m')^2) / (2 s'^2) - 1/2
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from regen.theory.gaussian import Array, standard_normal_log_prob
from regen.theory.streams import stream
from regen.vae.posterior import DiagonalGaussian

if TYPE_CHECKING:
    from regen.params import Theory

REACH, POINTS = 12.0, 4001
"""Range in standard deviations on either side, and points of the quadrature: exact to float64 precision."""


@dataclass(frozen=True)
class Case:
    """KL(N(mu_q, var_q) || N(mu_p, var_p))."""

    mu_q: float
    mu_p: float
    var_q: float
    var_p: float

    def log_q(self, z: Array) -> Array:
        """Log-density log q(z) in nats, elementwise."""
        return normal_log_prob(z, self.mu_q, self.var_q)

    def log_p(self, z: Array) -> Array:
        """Log-density log p(z) in nats, elementwise."""
        return normal_log_prob(z, self.mu_p, self.var_p)


CASES = (
    Case(0.0, 0.0, 1.0, 1.0),
    Case(0.0, 10.0, 1.0, 1.0),
    Case(1.0, 0.0, 1.0, 1.0),
    Case(0.0, 0.0, 4.0, 1.0),
    Case(0.0, 0.0, 0.01, 1.0),
    Case(-1.5, 0.5, 0.3, 2.0),
    Case(2.0, -1.0, 5.0, 0.5),
)
"""The two cases of the course report, then different means, different variances, and both."""


def normal_log_prob(z: Array, mu: float, var: float) -> Array:
    """Log-density log N(z; mu, var) in nats, elementwise."""
    return -0.5 * ((z - mu) ** 2 / var + math.log(2 * math.pi * var))


def closed_form(case: Case) -> float:
    """Divergence in nats by the formula above."""
    distance2 = (case.mu_q - case.mu_p) ** 2
    return 0.5 * (math.log(case.var_p / case.var_q) + (case.var_q + distance2) / case.var_p - 1)


def quadrature(case: Case) -> float:
    """Integral of q (log q - log p) in nats by the trapezoid rule, which is exponentially accurate here."""
    reach = REACH * math.sqrt(case.var_q)
    z = np.linspace(case.mu_q - reach, case.mu_q + reach, POINTS)
    return float(np.trapezoid(np.exp(case.log_q(z)) * (case.log_q(z) - case.log_p(z)), z))


def room(case: Case) -> float:
    """Divergence in nats as computed by the bound, which only handles p = N(0, 1).

    An affine map of z, which preserves the divergence, transforms p to N(0, 1).
    """
    mu = (case.mu_q - case.mu_p) / math.sqrt(case.var_p)
    logvar = math.log(case.var_q / case.var_p)
    return float(DiagonalGaussian(*torch.tensor([[mu], [logvar]], dtype=torch.float64)).kl())


@dataclass(frozen=True)
class Mean:
    """A mean of independent values, and its standard error."""

    value: float
    standard_error: float


def mean_of(values: Array) -> Mean:
    """Compute the mean of `values` (n,)."""
    return Mean(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def monte_carlo(case: Case, samples: int, rng: np.random.Generator) -> Mean:
    """Mean of log q - log p in nats over `samples` draws from q."""
    z = case.mu_q + math.sqrt(case.var_q) * rng.standard_normal(samples)
    return mean_of(case.log_q(z) - case.log_p(z))


def kl_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Table with one row for each of CASES: the divergence in nats, computed in four ways."""
    rows = []
    for case in CASES:
        sampled = monte_carlo(case, settings.kl_samples, stream(seed, "kl", *map(str, vars(case).values())))
        values = {"closed_form": closed_form(case), "room": room(case), "quadrature": quadrature(case)}
        rows.append(vars(case) | values | cells(sampled))
    return pd.DataFrame(rows)


def cells(sampled: Mean) -> dict[str, float]:
    """Cells of a Monte Carlo mean."""
    return {"monte_carlo": sampled.value, "standard_error": sampled.standard_error}


def kl_diagonal_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Table with one row per dimension: KL(q || N(0, I)) in nats, for a random diagonal Gaussian q.

    The quadrature is summed over the axes, which are independent under q and p.
    """
    rows = []
    for latent in sorted(settings.dimensions):
        rng = stream(seed, "kl diagonal", latent)
        mu, logvar = rng.standard_normal((2, latent))
        q = DiagonalGaussian(torch.from_numpy(mu), torch.from_numpy(logvar))
        axes = [Case(m, 0.0, math.exp(v), 1.0) for m, v in zip(mu, logvar, strict=True)]
        sample = q.sample(torch.from_numpy(rng.standard_normal((settings.kl_samples, latent))))
        sampled = mean_of(sample.log_prob.numpy() - standard_normal_log_prob(sample.z.numpy()))
        values = {"room": float(q.kl()), "quadrature": sum(map(quadrature, axes))}
        rows.append({"latent": latent} | values | cells(sampled))
    return pd.DataFrame(rows)
