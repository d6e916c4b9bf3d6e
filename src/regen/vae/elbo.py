"""The evidence lower bound, computed from logits in log-space."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from regen.vae.functions import bernoulli_log_prob
from regen.vae.networks import VAE


@dataclass(frozen=True)
class Elbo:
    """The bound's two terms for each image, (N,) nats: elbo = log_likelihood - kl."""

    log_likelihood: Tensor
    kl: Tensor

    @property
    def value(self) -> Tensor:
        """E_q[log p(x|z)] - KL(q || p), (N,) nats."""
        return self.log_likelihood - self.kl


def elbo(vae: VAE, x: Tensor, noise: Tensor | None = None) -> Elbo:
    """Estimate the bound for `x` (N, D) in [0, 1] from one sample (Kingma and Welling 2014, eq. 10).

    `noise` (N, latent) is standard normal, by default from torch's global generator.
    """
    q = vae.posterior(x)
    sample = q.sample(x.new_empty(len(x), vae.latent).normal_() if noise is None else noise)
    return Elbo(bernoulli_log_prob(x, vae.decode(sample.z)), q.kl(sample))
