"""The terms of the bound as written in the course reports, compared with those used for training.

The objective of the course reports is binary cross-entropy plus (sum var + |mu|^2 - D - log det) / 2. One
report prints the Bernoulli term as k log x + (1 - k) log(1 - x), with data x and mean k swapped. At a pixel
of 0 or 1 this contains log 0, so it is finite only for images without such pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from regen.artifacts import at_most, metric
from regen.theory.streams import stream
from regen.training.device import cast
from regen.vae.elbo import elbo
from regen.vae.functions import bernoulli_log_prob
from regen.vae.networks import VAE, mlp

if TYPE_CHECKING:
    from regen.params import Theory

PIXELS = 784
SIZES = ((6, 2), (64, 8), (PIXELS, 20))
"""Pixels and latent dimensions of the VAEs on which the two objectives are compared."""
HIDDEN, LATENT = 500, 20
"""Of the VAE whose first reconstruction error is in the course report: 784-500-(2x20), 20-500-784, ReLU."""
INK = (0.5, 0.13)
"""Shares of pixels that are 1: one half, and that of the binarized digits."""


def random_vae(pixels: int, latent: int, rng: np.random.Generator) -> VAE:
    """Initialise a VAE, D-HIDDEN-(2 x latent) and back, ReLU, without changing torch's global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63)))
        encoder = mlp([pixels, HIDDEN, 2 * latent], "relu")
        decoder = mlp([latent, HIDDEN, pixels], "relu")
        return VAE(encoder, decoder, latent, (1, 1, pixels))


def binary_images(count: int, ink: float, rng: np.random.Generator) -> Tensor:
    """Draw images of independent pixels, 1 with probability `ink`: (count, PIXELS)."""
    return cast(torch.from_numpy(rng.random((count, PIXELS)) < ink))


# ---- the Bernoulli term as printed -----------------------------------------------------------------


def printed(x: Tensor, k: Tensor) -> Tensor:
    """Evaluate sum_d k log x + (1 - k) log(1 - x), as printed in the course report: (N, D) -> (N,)."""
    return (k * x.log() + (1 - k) * (1 - x).log()).sum(-1)


def defined(x: Tensor, k: Tensor) -> Tensor:
    """Log-likelihood sum_d x log k + (1 - x) log(1 - k) in nats, with means k: (N, D) -> (N,)."""
    return (x * k.log() + (1 - x) * (1 - k).log()).sum(-1)


def bernoulli_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Means of both formulas and of `regen.vae`'s on binary images and on intensities, in nats.

    Means that are not finite are status words; `finite` is the share of images with a finite printed formula.
    """
    rng = stream(seed, "bernoulli")
    size = (settings.images, PIXELS)
    logits = torch.from_numpy(rng.standard_normal(size))
    data = {
        "binary": binary_images(settings.images, INK[0], rng),
        "intensities": torch.from_numpy(rng.uniform(0.01, 0.99, size)),
    }
    rows = []
    for name, x in data.items():
        as_printed = printed(x, logits.sigmoid())
        terms = {
            "as_printed": as_printed,
            "as_defined": defined(x, logits.sigmoid()),
            "room": bernoulli_log_prob(x, logits),
        }
        means: dict[str, object] = {key: metric(float(term.mean())) for key, term in terms.items()}
        rows.append({"data": name, "finite": float(as_printed.isfinite().double().mean())} | means)
    return pd.DataFrame(rows)


# ---- the objective ---------------------------------------------------------------------------------


def literal_objective(vae: VAE, x: Tensor, noise: Tensor) -> Tensor:
    """Evaluate BCE + (sum var + |mu|^2 - D - log det) / 2, nats: `x` (N, pixels), `noise` (N, D) -> (N,)."""
    mu, logvar = vae.encoder(x).chunk(2, dim=-1)
    var = logvar.exp()
    means = vae.decoder(mu + var.sqrt() * noise).sigmoid()
    cross_entropy = F.binary_cross_entropy(means, x, reduction="none").sum(-1)
    log_det = torch.diag_embed(var).logdet()
    return cross_entropy + (var.sum(-1) + mu.square().sum(-1) - vae.latent - log_det) / 2


@torch.no_grad()
def objective_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Compare -ELBO of `regen.vae` with the course reports' objective on random VAEs, in nats per image.

    `largest_difference` is the maximum over images, rounded up to a power of ten.
    """
    rows = []
    for pixels, latent in SIZES:
        rng = stream(seed, "objective", pixels, latent)
        vae = random_vae(pixels, latent, rng)
        x = torch.from_numpy(rng.random((settings.images, pixels)))
        noise = torch.from_numpy(rng.standard_normal((settings.images, latent)))
        ours, literal = -elbo(vae, x, noise).value, literal_objective(vae, x, noise)
        rows.append(
            {
                "pixels": pixels,
                "latent": latent,
                "negative_elbo": float(ours.mean()),
                "reports_objective": float(literal.mean()),
                "largest_difference": at_most(float((ours - literal).abs().max())),
            }
        )
    return pd.DataFrame(rows)


# ---- the reconstruction before any training --------------------------------------------------------


@torch.no_grad()
def first_reconstruction_table(settings: Theory, seed: int) -> pd.DataFrame:
    """Reconstruction error -E_q[log p(x|z)] of untrained VAEs in nats per image: mean, minimum and maximum.

    Untrained logits are close to 0, so every pixel costs about log 2.
    """
    rows = []
    for ink in INK:
        terms = []
        for number in range(settings.fresh_vaes):
            rng = stream(seed, "fresh", number)
            vae = random_vae(PIXELS, LATENT, rng)
            x = binary_images(settings.images, ink, rng)
            noise = torch.from_numpy(rng.standard_normal((settings.images, LATENT)))
            terms.append(-float(elbo(vae, x, noise).log_likelihood.mean()))
        means = {"mean": float(np.mean(terms)), "least": min(terms), "most": max(terms)}
        rows.append({"ink": ink, "expected": PIXELS * math.log(2)} | means)
    return pd.DataFrame(rows)
