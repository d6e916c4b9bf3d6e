"""Approximate posteriors q(z|x), with sampling and densities, as needed by the bound and the estimator.

References:
    Auto-Encoding Variational Bayes (Kingma and Welling, 2014): the diagonal Gaussian.
    Variational Inference with Normalizing Flows (Rezende and Mohamed, 2015): planar maps after it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from regen.bijections import Composition, Planar

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
        """KL(q || N(0, I)) in nats, (N,): in closed form, or estimated from `sample`."""

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats at any `z`: (..., D) -> (...)."""

    def __getitem__(self, index: Any) -> Posterior:
        """Index the parameters' leading axes.

        `q[a:b]` selects images; `q[:, None]` takes K samples of each, with `noise` and `z` (N, K, D).
        """


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """Log-density log N(z; 0, I) in nats: (..., D) -> (...)."""
    return -0.5 * (z.square().sum(-1) + z.shape[-1] * LOG_2PI)


@dataclass(frozen=True)
class DiagonalGaussian:
    """q(z|x) = N(z; mu, diag(exp(logvar))), `mu` and `logvar` (..., D)."""

    mu: Tensor
    logvar: Tensor

    def sample(self, noise: Tensor) -> Sample:
        """Reparameterise: z = mu + sigma * noise, with density from the noise and the change of volume."""
        z = torch.addcmul(self.mu, (0.5 * self.logvar).exp(), noise)
        return Sample(z, standard_normal_log_prob(noise) - 0.5 * self.logvar.sum(-1))

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density log N(z; mu, diag(exp(logvar))) in nats: (..., D) -> (...)."""
        noise = (z - self.mu) * (-0.5 * self.logvar).exp()
        return standard_normal_log_prob(noise) - 0.5 * self.logvar.sum(-1)

    def kl(self, sample: Sample | None = None) -> Tensor:  # noqa: ARG002  (a closed form needs no sample)
        """KL in closed form: (|mu|^2 + sum(exp(logvar) - 1 - logvar)) / 2 (Kingma and Welling, app. B)."""
        return 0.5 * (self.mu.square() + self.logvar.exp() - 1 - self.logvar).sum(-1)

    def __getitem__(self, index: Any) -> DiagonalGaussian:
        """Index the leading axes of both parameters."""
        return DiagonalGaussian(self.mu[index], self.logvar[index])


@dataclass(frozen=True)
class PlanarPosterior:
    """q(z|x) of z = f_k(...f_1(z_0)), z_0 from a diagonal Gaussian, f_i planar with u, w, b from x."""

    base: DiagonalGaussian
    maps: tuple[Planar, ...]

    @classmethod
    def from_outputs(cls, base: DiagonalGaussian, outputs: Tensor) -> PlanarPosterior:
        """Split a network's `outputs` (N, k (2D + 1)) into u, w and b of each map."""
        latent = base.mu.shape[-1]
        layers = outputs.unflatten(-1, (-1, 2 * latent + 1)).unbind(-2)
        parts = (layer.split([latent, latent, 1], dim=-1) for layer in layers)
        return cls(base, tuple(Planar(u, w, b[..., 0]) for u, w, b in parts))

    @property
    def _flow(self) -> Composition:
        return Composition(self.maps)

    def sample(self, noise: Tensor) -> Sample:
        """Map `noise` through Gaussian and flow: log q(z) = log q_0(z_0) - sum_i ladj_i (eq. 13)."""
        start = self.base.sample(noise)
        z, ladj = self._flow.forward(start.z)
        return Sample(z, start.log_prob - ladj)

    def log_prob(self, z: Tensor) -> Tensor:
        """Log-density in nats at any `z`, by numerical inversion of the flow."""
        start = self._flow.inverse(z)
        return self.base.log_prob(start) - self._flow.forward(start).ladj

    def kl(self, sample: Sample) -> Tensor:
        """Unbiased estimate log q(z|x) - log p(z), as there is no closed form (eq. 15)."""
        return sample.log_prob - standard_normal_log_prob(sample.z)

    def __getitem__(self, index: Any) -> PlanarPosterior:
        """Index the leading axes of all parameters."""
        maps = tuple(Planar(each.u[index], each.w[index], each.b[index]) for each in self.maps)
        return PlanarPosterior(self.base[index], maps)
