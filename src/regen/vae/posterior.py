"""Approximate posteriors q(z|x): a way to sample and a density, all that bound and estimator need."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Sample:
    """Draws from a posterior and their log-densities: `z` (..., D), `log_prob` (...) nats."""

    z: Tensor
    log_prob: Tensor


class Posterior(Protocol):
    """A distribution over z for each of N images."""

    def sample(self, noise: Tensor) -> Sample:
        """Map standard normal `noise` (N, D) to samples and their log-densities."""

    def kl(self, sample: Sample) -> Tensor:
        """Return KL(q || N(0, I)) in nats, (N,): in closed form, or estimated on `sample`."""

    def __getitem__(self, index: Any) -> Posterior:
        """Index the parameters' leading axes: `q[a:b]` is some of the images, `q[:, None]` takes K samples of
        each, with `noise` and `z` (N, K, D).
        """


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """Return log N(z; 0, I) in nats: (..., D) -> (...)."""
    return -0.5 * (z.square().sum(-1) + z.shape[-1] * LOG_2PI)


@dataclass(frozen=True)
class DiagonalGaussian:
    """q(z|x) = N(z; mu, diag(exp(logvar))), `mu` and `logvar` (..., D)."""

    mu: Tensor
    logvar: Tensor

    def sample(self, noise: Tensor) -> Sample:
        """Reparameterise: z = mu + sigma * noise, with the density of the noise and its change of volume."""
        z = torch.addcmul(self.mu, (0.5 * self.logvar).exp(), noise)
        return Sample(z, standard_normal_log_prob(noise) - 0.5 * self.logvar.sum(-1))

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log N(z; mu, diag(exp(logvar))) in nats: (..., D) -> (...)."""
        noise = (z - self.mu) * (-0.5 * self.logvar).exp()
        return standard_normal_log_prob(noise) - 0.5 * self.logvar.sum(-1)

    def kl(self, sample: Sample | None = None) -> Tensor:  # noqa: ARG002  (a closed form needs no sample)
        """Return (|mu|^2 + sum(exp(logvar) - 1 - logvar)) / 2 (Kingma and Welling 2014, appendix B)."""
        return 0.5 * (self.mu.square() + self.logvar.exp() - 1 - self.logvar).sum(-1)

    def __getitem__(self, index: Any) -> DiagonalGaussian:
        """Index the leading axes of both parameters."""
        return DiagonalGaussian(self.mu[index], self.logvar[index])
