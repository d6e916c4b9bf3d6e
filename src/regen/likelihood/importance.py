"""log p(x) by importance sampling: log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), z_k from q(z|x).

The noise of an image depends only on the seed and the image's index, not on how images and samples are split
into chunks. All weights are kept as logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from regen.artifacts import metric
from regen.errors import InputError
from regen.vae.functions import bernoulli_log_prob
from regen.vae.networks import VAE
from regen.vae.observations import scale
from regen.vae.posterior import Posterior, standard_normal_log_prob

MIB = 1 << 20
CPU_CACHE = 8 * MIB
"""Larger chunks are slower on a CPU, since a chunk's logits should stay in the cache."""


@dataclass(frozen=True)
class LogLikelihood:
    """Estimates for each of N images."""

    log_p: Tensor
    """(N,) nats: the importance-sampled log p(x)."""
    elbo: Tensor
    """(N,) nats: the K-sample mean of the log-weights, whose expectation is the bound."""
    ess: Tensor
    """(N,): effective sample size (sum w)^2 / sum w^2, between 1 and K."""


def standard_error(values: Tensor) -> float:
    """Compute the standard error of the mean of `values` (N,)."""
    return float(values.std() / math.sqrt(len(values)))


def log_weights(vae: VAE, x: Tensor, q: Posterior, noise: Tensor) -> Tensor:
    """Log-weights log p(x|z_k) p(z_k) / q(z_k|x): `x` (N, D), `noise` (N, K, latent) -> (N, K) nats."""
    sample = q[:, None].sample(noise)
    log_prior = standard_normal_log_prob(sample.z)
    return bernoulli_log_prob(x[:, None], vae.decode(sample.z)) + log_prior - sample.log_prob


def summarise(log_w: Tensor) -> LogLikelihood:
    """Compute the estimates from log-weights (N, K), summed in float64."""
    log_w = log_w.double()
    log_sum = log_w.logsumexp(1)
    return LogLikelihood(
        log_p=log_sum - math.log(log_w.shape[1]),
        elbo=log_w.mean(1),
        ess=(2 * log_sum - (2 * log_w).logsumexp(1)).exp(),
    )


@torch.no_grad()
def estimate(vae: VAE, pixels: Tensor, importance_samples: int, max_memory: int, seed: int) -> LogLikelihood:
    """Estimate log p(x) of each of `pixels` (N, D) uint8 with K = `importance_samples` draws from q(z|x).

    Raises:
        InputError: not even a single sample fits into `max_memory` MiB.
    """
    vae.eval()
    chunk = _chunk(vae, pixels[:1], importance_samples, max_memory * MIB)
    generator = torch.Generator(pixels.device).manual_seed(seed)
    # allocated before the chunks, since small results between large temporaries would fragment the heap
    log_p, bound, ess = torch.empty(3, len(pixels), dtype=torch.float64)
    starts = range(0, len(pixels), chunk.images)
    for start in tqdm(starts, desc="log p(x)", unit="chunk", disable=None):
        here = slice(start, start + chunk.images)
        x = scale(pixels[here])
        q = vae.posterior(x)
        # one call per image, so that its noise does not depend on the chunks
        noise = torch.stack([_noise(importance_samples, vae.latent, generator) for _ in x])
        log_w = torch.cat([log_weights(vae, x, q, part) for part in noise.split(chunk.samples, 1)], 1)
        result = summarise(log_w.cpu())
        log_p[here], bound[here], ess[here] = result.log_p, result.elbo, result.ess
    return LogLikelihood(log_p, bound, ess)


def _noise(importance_samples: int, latent: int, generator: torch.Generator) -> Tensor:
    return torch.randn(importance_samples, latent, generator=generator, device=generator.device)


@dataclass(frozen=True)
class _Chunk:
    images: int
    samples: int


def _chunk(vae: VAE, pixels: Tensor, importance_samples: int, budget: int) -> _Chunk:
    """Compute the numbers of images, and of samples of each, that fit into `budget` bytes at a time."""
    number = torch.get_default_dtype().itemsize
    # kept per sample to the end of a chunk: its noise (twice, during stacking) and float64 weights
    kept = 2 * number * vae.latent + 32
    noise = importance_samples * kept
    sample = number * _floats_per_sample(vae, pixels)
    if noise + sample > budget:
        raise InputError(
            f"params.yaml: likelihood.max_memory: {budget // MIB}: too little for K = {importance_samples}; "
            f"allowed: at least {-(-(noise + sample) // MIB)} (MiB)"
        )
    # a quarter is reserved, as the allocator cannot immediately reuse everything freed within a chunk
    image = number * _floats_per_image(vae, pixels) // importance_samples
    pairs = (budget * 3 // 4 - noise) // (sample + kept + image)
    if pixels.device.type == "cpu":
        pairs = min(pairs, max(1, CPU_CACHE // (number * pixels.shape[1])))
    return _Chunk(max(1, pairs // importance_samples), max(1, min(importance_samples, pairs)))


def _floats_per_sample(vae: VAE, pixels: Tensor) -> int:
    """Upper bound of the floats needed to decode and score one sample of z: all outputs at once."""
    # z, its densities, intermediate values of planar maps; temporaries of the sum over pixels
    outputs = [6 * vae.latent, 4 * pixels.shape[1]]
    with _record_outputs(vae.decoder, outputs):
        vae.decode(vae.centre(scale(pixels)))
    return sum(outputs)


def _floats_per_image(vae: VAE, pixels: Tensor) -> int:
    """Upper bound of the floats needed for one image and its posterior: all outputs at once."""
    outputs = [pixels.shape[1]]
    with _record_outputs(vae.encoder, outputs):
        vae.posterior(scale(pixels))
    return sum(outputs) + 2 * outputs[-1]  # derived from the posterior's parameters


@contextmanager
def _record_outputs(network: nn.Module, outputs: list[int]) -> Iterator[None]:
    """Append the output size of each of the network's layers, in order."""
    layers = [module for module in network.modules() if not list(module.children())]
    hooks = [
        layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output.numel()))
        for layer in layers
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def summary(results: Mapping[int, LogLikelihood], importance_samples: int) -> dict[str, float | int | str]:
    """Metrics of estimates by seed: means over seeds and images, in nats.

    The standard error is over the images, of the estimates averaged over the seeds. With several seeds, the
    standard deviation of their means is included.
    """
    log_p, bound, ess = tensors(results).values()
    deviations = {
        f"{name}_deviation": metric(float(values.mean(1).std()))
        for name, values in (("log_p", log_p), ("elbo", bound))
        if len(results) > 1
    }
    return {
        "images": log_p.shape[1],
        "importance_samples": importance_samples,
        "log_p": metric(float(log_p.mean())),
        "log_p_standard_error": metric(standard_error(log_p.mean(0))),
        "elbo": metric(float(bound.mean())),
        **deviations,
        "effective_sample_size": metric(float(ess.mean())),
        "effective_sample_size_median": metric(float(ess.median())),
    }


def tensors(results: Mapping[int, LogLikelihood]) -> dict[str, Tensor]:
    """Stack the estimates `log_p`, `elbo` and `ess` by seed and image: (S, N) each."""
    return {
        term: torch.stack([getattr(result, term) for result in results.values()])
        for term in ("log_p", "elbo", "ess")
    }


def by_seed(results: Mapping[int, LogLikelihood]) -> pd.DataFrame:
    """Table of the means over the images, in nats, with one row per seed."""
    rows = [
        {"seed": seed} | {term: metric(float(getattr(result, term).mean())) for term in ("log_p", "elbo")}
        for seed, result in results.items()
    ]
    return pd.DataFrame(rows)
