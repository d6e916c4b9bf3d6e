"""Scores of a trained VAE on test images: bound, reconstructions, and active units of z.

References:
    Importance Weighted Autoencoders (Burda, Grosse and Salakhutdinov, 2016), section 5.3: active units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from regen.artifacts import metric
from regen.likelihood.importance import LogLikelihood, standard_error
from regen.vae.elbo import Elbo, elbo
from regen.vae.networks import VAE
from regen.vae.observations import scale

BATCH = 1000
ACTIVE_VARIANCE = 0.01
"""Minimum variance over the images of the code of an active unit."""


@dataclass(frozen=True)
class Scores:
    """Scores for each of N images, in float64."""

    bound: Elbo
    """Terms of the bound from one sample of z, (N,) nats each."""
    squared_error: Tensor
    """(N,): mean over the pixels of (x - E[x|z])^2, x in [0, 1], z the posterior's centre."""
    centres: Tensor
    """(N, latent): the posteriors' centres."""

    @property
    def active_units(self) -> int:
        """Number of dimensions of z with Var_x(E[z|x]) > 0.01; 0 if the posterior has collapsed."""
        return int((self.centres.var(0) > ACTIVE_VARIANCE).sum())

    def means(self) -> dict[str, float | int]:
        """Means over the images; terms of the bound are in nats."""
        return {
            "test_negative_elbo": -float(self.bound.value.mean()),
            "test_reconstruction": -float(self.bound.log_likelihood.mean()),
            "test_kl": float(self.bound.kl.mean()),
            "squared_error": float(self.squared_error.mean()),
            "active_units": self.active_units,
        }


@torch.no_grad()
def score(vae: VAE, pixels: Tensor, seed: int) -> Scores:
    """Score `pixels` (N, D) uint8, with noise from `seed`."""
    vae.eval()
    generator = torch.Generator(pixels.device).manual_seed(-1 - seed)  # not the importance samples' noise
    parts = []
    for batch in pixels.split(BATCH):
        x = scale(batch)
        noise = torch.randn(len(x), vae.latent, generator=generator, device=x.device)
        bound, centres = elbo(vae, x, noise), vae.centre(x)
        error = (vae.decode(centres).sigmoid() - x).square().mean(-1)
        parts.append([each.cpu().double() for each in (bound.log_likelihood, bound.kl, error, centres)])
    log_likelihood, kl, error, centres = (torch.cat(part) for part in zip(*parts, strict=True))
    return Scores(Elbo(log_likelihood, kl), error, centres)


def summary(results: Mapping[int, Scores]) -> dict[str, float | int | str]:
    """Metrics of scores by seed: means over seeds and images, and the standard error of the bound."""
    table = by_seed(results).drop(columns="seed")
    bounds = tensors(results)["one_sample_elbo"]
    collapsed = int((table["active_units"] == 0).sum())
    return {
        "images": bounds.shape[1],
        **{str(name): metric(float(table[name].mean(skipna=False))) for name in table},
        "test_negative_elbo_standard_error": metric(standard_error(bounds.mean(0))),
        "collapsed": _how_many(collapsed, len(results)),
    }


def _how_many(some: int, of: int) -> str:
    if some and of > 1:
        return f"{some} of {of}"
    return "yes" if some else "no"


def tensors(results: Mapping[int, Scores]) -> dict[str, Tensor]:
    """Stack the scores by seed and image: (S, N) each."""
    return {
        "one_sample_elbo": torch.stack([result.bound.value for result in results.values()]),
        "squared_error": torch.stack([result.squared_error for result in results.values()]),
    }


def by_seed(results: Mapping[int, Scores]) -> pd.DataFrame:
    """Table of the means over the images, with one row per seed."""
    return pd.DataFrame([{"seed": seed, **result.means()} for seed, result in results.items()])


def gap(results: Mapping[int, Scores], estimates: Mapping[int, LogLikelihood]) -> dict[str, float | str]:
    """Gap between the estimated log p(x) and the bound, in nats, with its standard error.

    Both use independent samples of z, so the gap is positive only if the theory holds. The standard error is
    over the images, paired.
    """
    gaps = torch.stack([estimates[seed].log_p - result.bound.value for seed, result in results.items()])
    return {
        "gap": metric(float(gaps.mean())),
        "gap_standard_error": metric(standard_error(gaps.mean(0))),
    }
