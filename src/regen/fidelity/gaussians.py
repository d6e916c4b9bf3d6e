"""Gaussians fitted to features, and the Frechet distance between them, in float64 on the features' device.

torch-fidelity takes the eigenvalues of the product of two covariances, which is not symmetric: on a CPU only,
and three times as long as what is done here; the tests hold the two to each other.

References:
    GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium (Heusel et al., 2017).
    The Frechet distance between multivariate normal distributions (Dowson and Landau, 1982).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gaussian:
    """Mean `mu` (D,) and covariance `sigma` (D, D), float64."""

    mu: Tensor
    sigma: Tensor


def fit_gaussian(features: Tensor) -> Gaussian:
    """Return mean and unbiased covariance of `features` (N, D)."""
    x = float64(features)
    return Gaussian(x.mean(0), x.T.cov())


def float64(x: Tensor) -> Tensor:
    """Return `x` in float64, on the CPU where its device has none."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def root(sigma: Tensor) -> Tensor:
    """Return the symmetric square root of `sigma` (D, D), symmetric and not negative but for rounding."""
    values, vectors = torch.linalg.eigh(sigma)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def frechet_distance(one: Gaussian, other: Gaussian, other_root: Tensor) -> float:
    """Return |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), given S2^(1/2).

    S1 S2 and S2^(1/2) S1 S2^(1/2), which is symmetric, have the same eigenvalues.
    """
    values = torch.linalg.eigvalsh(other_root @ one.sigma @ other_root)
    trace = one.sigma.trace() + other.sigma.trace() - 2 * values.clamp(min=0).sqrt().sum()
    return float((one.mu - other.mu).square().sum() + trace)
