"""A linear Gaussian model with known p(x): z ~ N(0, I_D), x | z ~ N(W z, noise^2 I_P).

The posterior is N(m, S) with S = (I + W^T W / noise^2)^-1 and m = S W^T x / noise^2; p(x) is
N(x; 0, W W^T + noise^2 I).

References:
    Pattern Recognition and Machine Learning (Bishop, 2006), section 2.3.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Draw:
    """Draws and their log-densities: `z` (..., D), `log_prob` (...) nats."""

    z: Array
    log_prob: Array


@dataclass(frozen=True)
class Gaussian:
    """N(mean, factor factor^T): `mean` (D,), `factor` (D, D) lower triangular."""

    mean: Array
    factor: Array

    @classmethod
    def standard(cls, dimension: int) -> Self:
        """Construct N(0, I)."""
        return cls(np.zeros(dimension), np.eye(dimension))

    @property
    def log_volume(self) -> float:
        """Log-determinant of `factor`: half that of the covariance."""
        return float(np.log(np.diag(self.factor)).sum())

    @property
    def precision(self) -> Array:
        """Inverse of the covariance, (D, D)."""
        inverse = np.linalg.inv(self.factor)
        return inverse.T @ inverse

    def moved(self, shift: float, spread: float) -> Gaussian:
        """Shift by `shift` standard deviations along each axis and widen by a factor of `spread`."""
        return Gaussian(self.mean + shift * self.factor.sum(1), spread * self.factor)

    def sample(self, noise: Array) -> Draw:
        """Map standard normal `noise` (..., D) to draws and their log-densities."""
        return Draw(self.mean + noise @ self.factor.T, standard_normal_log_prob(noise) - self.log_volume)

    def log_prob(self, z: Array) -> Array:
        """Log-density of `z` in nats: (..., D) -> (...)."""
        noise = np.linalg.solve(self.factor, (z - self.mean)[..., None])[..., 0]
        return standard_normal_log_prob(noise) - self.log_volume

    def kl_to_standard(self) -> float:
        """KL(self || N(0, I)) in nats."""
        trace = np.square(self.factor).sum() + np.square(self.mean).sum()
        return float(0.5 * (trace - len(self.mean)) - self.log_volume)


def standard_normal_log_prob(z: Array) -> Array:
    """Log-density log N(z; 0, I) in nats: (..., D) -> (...)."""
    return -0.5 * (np.einsum("...d,...d->...", z, z) + z.shape[-1] * LOG_2PI)


@dataclass(frozen=True)
class LinearGaussian:
    """z ~ N(0, I_D), x | z ~ N(W z, noise^2 I_P): `W` (P, D)."""

    W: Array
    noise: float

    def log_likelihood(self, x: Array, z: Array) -> Array:
        """Log-likelihood log p(x|z) in nats: `x` (P,), `z` (..., D) -> (...)."""
        scaled = (x - z @ self.W.T) / self.noise
        return standard_normal_log_prob(scaled) - len(x) * math.log(self.noise)

    def log_evidence(self, x: Array) -> float:
        """Exact log p(x) in nats: `x` (P,)."""
        covariance = self.W @ self.W.T + self.noise**2 * np.eye(len(x))
        return float(Gaussian(np.zeros(len(x)), np.linalg.cholesky(covariance)).log_prob(x))

    def posterior(self, x: Array) -> Gaussian:
        """Exact posterior p(z|x): `x` (P,)."""
        precision = np.eye(self.W.shape[1]) + self.W.T @ self.W / self.noise**2
        covariance = np.linalg.inv(precision)
        return Gaussian(covariance @ self.W.T @ x / self.noise**2, np.linalg.cholesky(covariance))


@dataclass(frozen=True)
class Problem:
    """A model and an observation `x` (P,) drawn from it."""

    model: LinearGaussian
    x: Array


def draw_problem(latent: int, observed: int, noise: float, rng: np.random.Generator) -> Problem:
    """Draw a random W and an x; each value of x has a signal of variance about 1, plus noise of `noise`^2."""
    W = rng.standard_normal((observed, latent)) / math.sqrt(latent)
    x = W @ rng.standard_normal(latent) + noise * rng.standard_normal(observed)
    return Problem(LinearGaussian(W, noise), x)
