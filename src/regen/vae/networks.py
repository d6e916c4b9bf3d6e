"""The networks of a VAE, built from its part of `params.yaml`."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from pathlib import Path

from torch import Tensor, nn

from regen.artifacts import read_tensors
from regen.errors import InputError
from regen.params import VaeRun
from regen.vae.functions import ELU
from regen.vae.posterior import DiagonalGaussian

ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": ELU, "relu": nn.ReLU}


def mlp(widths: list[int], activation: str) -> nn.Sequential:
    """Return linear layers of `widths`, inputs first, and the activation between them, not at the end."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class VAE(nn.Module):
    """An encoder x -> (mu, logvar) and a decoder z -> logits of Bernoulli pixels, standard normal prior."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent = latent

    def posterior(self, x: Tensor) -> DiagonalGaussian:
        """Return q(z|x) for `x` (N, D) in [0, 1]."""
        mu, logvar = self.encoder(x).to(x.dtype).chunk(2, dim=-1)
        return DiagonalGaussian(mu, logvar)

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
    encoder = mlp([pixels, *run.encoder, 2 * run.latent], run.activation)
    decoder = mlp([run.latent, *run.decoder, pixels], run.activation)
    last = decoder[-1]
    assert isinstance(last, nn.Linear)
    last.bias.data += run.logit_shift
    return VAE(encoder, decoder, run.latent)


def load_vae(run: VaeRun, shape: tuple[int, ...], weights: Path) -> VAE:
    """Return the trained VAE of `run`; InputError where `weights` are absent or of another architecture."""
    vae = build_vae(run, shape)
    tensors, _ = read_tensors(weights)
    try:
        vae.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{weights}: not the weights of this run's networks ({reason})") from None
    return vae
