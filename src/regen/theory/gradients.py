"""Estimators of the gradient of E_q[f(z)]: reparameterised, and by score function.

With z = mu + sigma * eps, eps ~ N(0, I), q = N(mu, sigma^2), the one-sample estimators are

    reparameterised            d f(z) / d(mu, logvar), through z
    score function             f(z)       d log q(z) / d(mu, logvar)
    score function, baseline   (f(z) - b) d log q(z) / d(mu, logvar), b the mean f of the other draws

All are unbiased, but their variances differ. That of a score function grows with the variance of f, to which
all D coordinates contribute. A derivative along one coordinate depends on that coordinate only if, as here, f
is a sum over coordinates:

    quadratic   f(z) = |z|^2 / 2       E f = sum (mu^2 + sigma^2) / 2
    cosine      f(z) = sum cos(z_d)    E f = sum cos(mu) exp(-sigma^2 / 2)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from regen.artifacts import at_most
from regen.theory.streams import stream
from regen.vae.posterior import DiagonalGaussian

if TYPE_CHECKING:
    from regen.params import Theory

STEP = 1e-4
"""Step of central differences: truncation grows with its square, rounding with its inverse."""
PARAMETERS = ("mu", "logvar")


@dataclass(frozen=True)
class Function:
    """A function with known expectation."""

    f: Callable[[Tensor], Tensor]
    """(..., D) -> (...)."""
    expectation: Callable[[DiagonalGaussian], Tensor]
    """E_q[f]: parameters (D,) -> ()."""


FUNCTIONS: Mapping[str, Function] = {
    "quadratic": Function(
        lambda z: 0.5 * z.square().sum(-1),
        lambda q: 0.5 * (q.mu.square() + q.logvar.exp()).sum(-1),
    ),
    "cosine": Function(
        lambda z: z.cos().sum(-1),
        lambda q: (q.mu.cos() * (-0.5 * q.logvar.exp()).exp()).sum(-1),
    ),
}


def gradients(value: Callable[[DiagonalGaussian], Tensor], q: DiagonalGaussian) -> Tensor:
    """Gradient d sum(value(q)) / d(mu, logvar), stacked: (2, ..., D) for parameters (..., D)."""
    leaf = DiagonalGaussian(q.mu.detach().requires_grad_(), q.logvar.detach().requires_grad_())
    return torch.stack(torch.autograd.grad(value(leaf).sum(), (leaf.mu, leaf.logvar)))


@dataclass(frozen=True)
class Estimates:
    """Gradient estimates of single draws, (2, N, D), with respect to mu and logvar."""

    reparameterised: Tensor
    score: Tensor
    baseline: Tensor


def estimate(f: Callable[[Tensor], Tensor], q: DiagonalGaussian, noise: Tensor) -> Estimates:
    """Compute all three estimators on the same `noise` (N, D)."""
    # one copy of the parameters per draw, to get the gradients of single draws
    each = DiagonalGaussian(q.mu.expand_as(noise).clone(), q.logvar.expand_as(noise).clone())
    z = q.sample(noise).z
    score = gradients(lambda q: q.log_prob(z), each)
    values = f(z)[:, None]
    others = (values.sum() - values) / (len(values) - 1)
    return Estimates(
        reparameterised=gradients(lambda q: f(q.sample(noise).z), each),
        score=values * score,
        baseline=(values - others) * score,
    )


def finite_difference(
    f: Callable[[Tensor], Tensor], q: DiagonalGaussian, noise: Tensor, direction: Tensor
) -> Tensor:
    """Slopes of mean f(mu + sigma * noise) along `direction` (2, D), by finite differences: (2,)."""
    slopes = []
    for axis in torch.eye(2, dtype=noise.dtype):
        mu, logvar = STEP * axis[:, None] * direction
        up = f(DiagonalGaussian(q.mu + mu, q.logvar + logvar).sample(noise).z)
        down = f(DiagonalGaussian(q.mu - mu, q.logvar - logvar).sample(noise).z)
        slopes.append((up.mean() - down.mean()) / (2 * STEP))
    return torch.stack(slopes)


def gradient_rows(name: str, latent: int, settings: Theory, seed: int) -> list[dict[str, object]]:
    """Rows for mu and logvar, of one function and dimension; see `gradient_table`.

    Every coordinate of q has mu from N(0, 1) and logvar from N(-1, 1).
    """
    function, rng = FUNCTIONS[name], stream(seed, "gradients", name)
    parameters = torch.from_numpy(
        rng.standard_normal((latent, 2))
    )  # the first ones are those of smaller dimensions
    q = DiagonalGaussian(parameters[:, 0], parameters[:, 1] - 1)
    rng = stream(seed, "gradients", name, latent)
    noise = torch.from_numpy(rng.standard_normal((settings.gradient_samples, latent)))
    direction = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((2, latent))), dim=1)

    exact = gradients(function.expectation, q)
    found = estimate(function.f, q, noise)
    slopes = (found.reparameterised.mean(1) * direction).sum(1)
    differences = (slopes - finite_difference(function.f, q, noise, direction)).abs()
    variances = {way: each.var(1).mean(1) for way, each in vars(found).items()}
    off = {way: standard_errors(each, exact) for way, each in vars(found).items()}
    return [
        {"function": name, "latent": latent, "parameter": parameter}
        | {"finite_difference_error": at_most(float(differences[i]))}
        | {f"standard_errors_{way}": float(errors[i]) for way, errors in off.items()}
        | {f"variance_{way}": float(variance[i]) for way, variance in variances.items()}
        | {f"ratio_{way}": float((variances[way] / variances["reparameterised"])[i]) for way in list(off)[1:]}
        for i, parameter in enumerate(PARAMETERS)
    ]


def standard_errors(each: Tensor, exact: Tensor) -> Tensor:
    """Error of the mean of `each` (2, N, D) in standard errors, expected to be about 1: (2,).

    Root mean square over the coordinates of `exact` (2, D).
    """
    error = (each.mean(1) - exact) / (each.std(1) / math.sqrt(each.shape[1]))
    return error.square().mean(1).sqrt()


def gradient_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Table with one row per function, dimension and parameter.

    `finite_difference_error` is the error of the reparameterised slope along a random direction of length 1,
    on the same noise, rounded up to a power of ten. `standard_errors_*` is the distance of an estimator's
    mean from the closed form. `variance_*` is the variance of a single draw's gradient, averaged over the
    coordinates, and `ratio_*` the same relative to the reparameterised estimator.
    """
    rows = [
        row
        for name in FUNCTIONS
        for latent in sorted(settings.gradient_dimensions)
        for row in gradient_rows(name, latent, settings, seed)
    ]
    return pd.DataFrame(rows)
