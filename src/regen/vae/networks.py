"""Networks of a VAE, built from its section of `params.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from pathlib import Path

from torch import Tensor, nn

from regen.artifacts import load_weights
from regen.params import Conv, VaeRun
from regen.params.layers import Shape, as_maps, is_followed, shapes
from regen.vae.functions import ELU
from regen.vae.posterior import DiagonalGaussian, PlanarPosterior, Posterior

ACTIVATIONS: dict[str, type[nn.Module]] = {"elu": ELU, "relu": nn.ReLU}


def mlp(widths: list[int], activation: str) -> nn.Sequential:
    """Build linear layers of `widths`, inputs first, with activations between them but not at the end."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(widths):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class FromPoint(nn.ConvTranspose2d):
    """Transposed convolution of maps of one pixel, without padding: a product of matrices.

    torch's convolutions compute it, with its gradients, 3 to 7 times more slowly on a CPU.
    """

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]  # takes no size
        """Maps (N, channels, kernel, kernel) for `x` (N, inputs, 1, 1)."""
        plain = self.weight.is_contiguous()  # else channels last; either way the matrix is a view, not a copy
        weight = self.weight if plain else self.weight.permute(0, 2, 3, 1)
        maps = (x.flatten(1) @ weight.flatten(1)).unflatten(1, weight.shape[1:])
        maps = maps if plain else maps.permute(0, 3, 1, 2)
        return maps if self.bias is None else maps + self.bias[:, None, None]


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
        """Posterior q(z|x) for `x` (N, D) in [0, 1]."""
        outputs = self.encoder(x).to(x.dtype)
        mu, logvar, maps = outputs.tensor_split([self.latent, 2 * self.latent], dim=-1)
        gaussian = DiagonalGaussian(mu, logvar)
        return PlanarPosterior.from_outputs(gaussian, maps) if maps.shape[-1] else gaussian

    def centre(self, x: Tensor) -> Tensor:
        """Code (N, latent) of `x`, a sample with zero noise: the mean of the Gaussian, mapped by the flow."""
        return self.posterior(x).sample(x.new_zeros(len(x), self.latent)).z

    def decode(self, z: Tensor) -> Tensor:
        """Map codes to logits of the pixels, (..., latent) -> (..., D)."""
        logits: Tensor = self.decoder(z.reshape(-1, self.latent))  # convolutions need a single batch axis
        return logits.reshape(*z.shape[:-1], -1)


def build_vae(run: VaeRun, shape: tuple[int, ...]) -> VAE:
    """Initialise the VAE of `run` for images of `shape` (C, H, W).

    `logit_shift` is added to the bias of the last layer, which is equivalent to shifting the logits, but
    without an addition at every step.
    """
    outputs = 2 * run.latent + run.planar_layers * (2 * run.latent + 1)
    encoder = _network(run, [*run.encoder, outputs], shape, transposed=False)
    last = [] if isinstance(run.decoder[-1], Conv) else [prod(shape)]
    decoder = _network(run, [*run.decoder, *last], (run.latent,), transposed=True)
    bias = [parameter for name, parameter in decoder.named_parameters() if name.endswith("bias")][-1]
    bias.data += run.logit_shift
    return VAE(encoder, decoder, run.latent, shape)


def _network(run: VaeRun, layers: Sequence[int | Conv], start: Shape, transposed: bool) -> nn.Sequential:
    """Build `layers` from flat (N, D) to flat (N, D), with what follows each."""
    modules: list[nn.Module] = []
    before: Shape = (prod(start),)  # output shape of the modules so far
    for i, (layer, (given, after)) in enumerate(
        zip(layers, pairwise(shapes(layers, start, transposed)), strict=True)
    ):
        wanted = as_maps(given) if isinstance(layer, Conv) else (prod(given),)
        if wanted != before:
            modules.append(nn.Unflatten(1, wanted) if len(wanted) == 3 else nn.Flatten())
        modules.append(_affine(layer, wanted, transposed))
        if is_followed(layers, i):
            modules += _follow(run, layer)
        if isinstance(layer, Conv) and layer.pool > 1:
            modules.append(nn.MaxPool2d(layer.pool))
        before = after
    return nn.Sequential(*modules, *([nn.Flatten()] if len(before) == 3 else []))


def _affine(layer: int | Conv, given: Shape, transposed: bool) -> nn.Module:
    if not isinstance(layer, Conv):
        return nn.Linear(given[0], layer)
    kind: type[nn.Conv2d] | type[nn.ConvTranspose2d] = nn.ConvTranspose2d if transposed else nn.Conv2d
    if transposed and given[1:] == (1, 1) and not layer.padding:
        kind = FromPoint
    return kind(given[0], layer.channels, layer.kernel, layer.stride, layer.padding)


def _follow(run: VaeRun, layer: int | Conv) -> list[nn.Module]:
    """Modules after the affine part of a hidden layer, before pooling."""
    modules: list[nn.Module] = []
    if run.batch_norm:
        modules.append(nn.BatchNorm2d(layer.channels) if isinstance(layer, Conv) else nn.BatchNorm1d(layer))
    modules.append(ACTIVATIONS[run.activation]())
    if run.dropout:
        modules.append(nn.Dropout(run.dropout))
    return modules


def load_vae(run: VaeRun, shape: tuple[int, ...], weights: Path) -> VAE:
    """Load the trained VAE of `run` in evaluation mode.

    Raises:
        InputError: the file `weights` is absent, damaged, or belongs to another architecture.
    """
    vae = build_vae(run, shape)
    load_weights(vae, weights)
    return vae.eval()
