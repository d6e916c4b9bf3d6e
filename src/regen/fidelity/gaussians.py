"""Gaussians fitted to features, and the Frechet distance between them, in float64 on the features' device.

A covariance is represented by a root, from a QR decomposition of the features, and never formed. The distance
needs the square root of a product of two covariances, which would amplify errors of 1e-16 in the zero
eigenvalues of a rank-deficient covariance to 1e-8. torch-fidelity uses the eigenvalues of that product; the
tests compare the two.

References:
    GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium (Heusel et al., 2017).
    The Frechet distance between multivariate normal distributions (Dowson and Landau, 1982).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Gaussian:
    """Mean `mu` (D,) and a `root` (R, D) of the covariance, which is root.T @ root; float64."""

    mu: Tensor
    root: Tensor


def fit_gaussian(features: Tensor) -> Gaussian:
    """Fit mean and unbiased covariance of `features` (N, D)."""
    x = float64(features)
    mu = x.mean(0)
    _, root = torch.linalg.qr((x - mu) / math.sqrt(len(x) - 1), mode="r")
    return Gaussian(mu, root)


def float64(x: Tensor) -> Tensor:
    """Convert `x` to float64, on the CPU if its device does not support it."""
    return (x.cpu() if x.device.type == "mps" else x).double()


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Frechet distance |mu1 - mu2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)).

    With roots A of S1 and B of S2, S1 S2 = A'A B'B has the same eigenvalues as (A B')'(A B'). Those of its
    square root are the singular values of A B', whose sum is the nuclear norm.
    """
    cross = torch.linalg.matrix_norm(one.root @ other.root.T, "nuc")
    trace = one.root.square().sum() + other.root.square().sum() - 2 * cross
    return float((one.mu - other.mu).square().sum() + trace)
