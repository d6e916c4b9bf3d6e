"""The networks of a VAE and its posterior, built from its part of `params.yaml`."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from pathlib import Path

from torch import Tensor, nn

from regen.artifacts import load_weights
from regen.sections import VaeRun
from regen.vae.functions import ELU
from regen.vae.posterior import DiagonalGaussian, PlanarPosterior, Posterior

ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": ELU, "relu": nn.ReLU}


def mlp(widths: list[int], activation: str) -> nn.Sequential:
    """Return linear layers of `widths`, inputs first, and the activation between them, not at the end."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class VAE(nn.Module):
    """An encoder x -> parameters of q(z|x), and a decoder z -> logits of Bernoulli pixels.

    `shape` (C, H, W) is the images'; the prior is standard normal. The encoder gives mu, logvar and, where
    planar maps follow the Gaussian, u, w and b of each map.
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent = latent
        self.shape = shape

    def posterior(self, x: Tensor) -> Posterior:
        """Return q(z|x) for `x` (N, D) in [0, 1]."""
        outputs = self.encoder(x).to(x.dtype)
        mu, logvar, maps = outputs.tensor_split([self.latent, 2 * self.latent], dim=-1)
        gaussian = DiagonalGaussian(mu, logvar)
        return PlanarPosterior.from_outputs(gaussian, maps) if maps.shape[-1] else gaussian

    def centre(self, x: Tensor) -> Tensor:
        """Return the code (N, latent) of `x` that a sample without noise gives: q's mean, mapped."""
        return self.posterior(x).sample(x.new_zeros(len(x), self.latent)).z

    def decode(self, z: Tensor) -> Tensor:
        """Return the logits of the pixels, (..., latent) -> (..., D)."""
        logits: Tensor = self.decoder(z)
        return logits


def build_vae(run: VaeRun, shape: tuple[int, ...]) -> VAE:
    """Return the freshly initialised VAE of `run` for images of `shape` (C, H, W).

    `logit_shift` goes into the last layer's bias: the same function and the same gradients as a shift of
    the logits, without an addition at every step.
    """
    pixels = prod(shape)
    outputs = 2 * run.latent + run.planar_layers * (2 * run.latent + 1)
    encoder = mlp([pixels, *run.encoder, outputs], run.activation)
    decoder = mlp([run.latent, *run.decoder, pixels], run.activation)
    last = decoder[-1]
    assert isinstance(last, nn.Linear)
    last.bias.data += run.logit_shift
    return VAE(encoder, decoder, run.latent, shape)


def load_vae(run: VaeRun, shape: tuple[int, ...], weights: Path) -> VAE:
    """Return the trained VAE of `run`; InputError where `weights` are absent or of another architecture."""
    vae = build_vae(run, shape)
    load_weights(vae, weights)
    return vae
