"""The networks of a GAN, built from its part of `params.yaml`.

Generators map z (N, latent), standard normal, to images (N, C, H, W) in [-1, 1], critics such images to a
real number each, (N,): the logit of their being real for `jsd` and `nonsaturating`.

References:
    Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks (Radford,
    Metz and Chintala, 2016): DCGAN, and its initial weights.
    Spectral Normalization for Generative Adversarial Networks (Miyato et al., 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from regen.errors import InputError
from regen.gan.convolution import Convolution
from regen.params.gan import SMALLEST, DcganRun, GanRun, MlpRun, ResidualRun, doublings

GATE = -3.0
"""Where a residual block's gate starts: 1 - sigmoid(-3), 95 % of it, is the identity."""
DCGAN_DEVIATION = 0.02
"""Standard deviation of DCGAN's initial weights."""

Layers = list[nn.Module]


class ResidualBlock(nn.Module):
    """(1 - s(a)) x + s(a) f(x), s the sigmoid, for maps of `width` channels.

    f is conv3x3 - [BN] - activation - conv1x1 - [BN] - activation. The gate a is learnt.
    """

    def __init__(
        self,
        width: int,
        activation: Callable[[], nn.Module],
        batch_norm: bool,
        kind: type[nn.Conv2d] = nn.Conv2d,
    ) -> None:
        super().__init__()
        self.f = nn.Sequential(
            *convolution(width, width, 3, 1, 1, activation, batch_norm, kind),
            *convolution(width, width, 1, 1, 0, activation, batch_norm, kind),
        )
        self.a = nn.Parameter(torch.tensor(GATE))

    def forward(self, x: Tensor) -> Tensor:
        """Output for `x` (N, width, H, W), of the same shape."""
        return torch.lerp(x, self.f(x), self.a.sigmoid().to(x.dtype))


def convolution(
    inputs: int,
    outputs: int,
    kernel: int,
    stride: int,
    padding: int,
    activation: Callable[[], nn.Module],
    batch_norm: bool,
    kind: type[nn.Conv2d] | type[nn.ConvTranspose2d] = nn.Conv2d,
) -> Layers:
    """Layers conv - [BN] - activation; the bias that BN would subtract again is left out."""
    conv = kind(inputs, outputs, kernel, stride, padding, bias=not batch_norm)
    return [conv, *([nn.BatchNorm2d(outputs)] if batch_norm else []), activation()]


def relu() -> nn.Module:
    """ReLU that overwrites its input: nothing else reads the output of the convolution or BN."""
    return nn.ReLU(inplace=True)


def leaky_relu(slope: float) -> Callable[[], nn.Module]:
    """Factory of LeakyReLU layers of a slope, in place like `relu`."""
    return lambda: nn.LeakyReLU(slope, inplace=True)


def widths(run: ResidualRun | DcganRun, shape: tuple[int, ...]) -> list[int]:
    """Channels of the maps from `run.width` next to the image to the smallest, doubling.

    Raises:
        InputError: images of `shape` (C, H, W) are not what such networks make.
    """
    try:
        return [run.width << i for i in range(doublings(shape))]
    except ValueError as error:
        raise InputError(f"params.yaml: networks: {run.networks!r}: {error}; try mlp") from None


def convolutional_generator(run: ResidualRun | DcganRun, shape: tuple[int, ...]) -> nn.Sequential:
    """Layers z - 4x4 maps - BN - ReLU - [res], each size twice the last, up to the image - tanh."""
    channels = [*reversed(widths(run, shape))]
    layers: Layers = [nn.Unflatten(1, (run.latent, 1, 1))]
    for inputs, outputs in pairwise([run.latent, *channels]):
        stride, padding = (1, 0) if len(layers) == 1 else (2, 1)
        layers += convolution(inputs, outputs, 4, stride, padding, relu, True, nn.ConvTranspose2d)
        if isinstance(run, ResidualRun):
            layers.append(ResidualBlock(outputs, relu, batch_norm=True))
    bias = isinstance(run, ResidualRun)  # DCGAN has none anywhere
    layers += [nn.ConvTranspose2d(channels[-1], shape[0], 4, 2, 1, bias=bias), nn.Tanh()]
    return nn.Sequential(*layers)


def residual_critic(run: ResidualRun, shape: tuple[int, ...]) -> nn.Sequential:
    """Layers image - half as large - LeakyReLU - res, down to 4x4 - conv4x4."""
    activation = leaky_relu(run.slope)
    kind = nn.Conv2d if run.penalty == "none" else Convolution  # whose gain is in the second derivative
    channels = [shape[0], *widths(run, shape)]
    layers: Layers = []
    for inputs, outputs in pairwise(channels):
        layers += convolution(inputs, outputs, 4, 2, 1, activation, False, kind)
        layers.append(ResidualBlock(outputs, activation, batch_norm=False, kind=kind))
    return nn.Sequential(*layers, kind(channels[-1], 1, SMALLEST), nn.Flatten(0))


def dcgan_critic(run: DcganRun, shape: tuple[int, ...]) -> nn.Sequential:
    """Layers image - half as large - [BN, but in the first layer] - LeakyReLU, to 4x4 - conv4x4; no bias."""
    channels = [shape[0], *widths(run, shape)]
    layers: Layers = []
    for inputs, outputs in pairwise(channels):
        batch_norm = [nn.BatchNorm2d(outputs)] if layers else []
        layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), *batch_norm, leaky_relu(run.slope)()]
    return nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, SMALLEST, bias=False), nn.Flatten(0))


def mlp_generator(run: MlpRun, shape: tuple[int, ...]) -> nn.Sequential:
    """Layers z - (linear - [BN, from the second on] - LeakyReLU) per hidden width - linear - tanh."""
    layers: Layers = []
    for inputs, outputs in pairwise([run.latent, *run.generator]):
        batch_norm = run.generator_batch_norm and bool(layers)
        layers.append(nn.Linear(inputs, outputs, bias=not batch_norm))
        layers += [*([nn.BatchNorm1d(outputs)] if batch_norm else []), leaky_relu(run.slope)()]
    last = nn.Linear([run.latent, *run.generator][-1], prod(shape))
    return nn.Sequential(*layers, last, nn.Tanh(), nn.Unflatten(1, shape))


def mlp_critic(run: MlpRun, shape: tuple[int, ...]) -> nn.Sequential:
    """Layers image - (linear - LeakyReLU) per hidden width - linear."""
    layers: Layers = [nn.Flatten()]
    for inputs, outputs in pairwise([prod(shape), *run.critic]):
        layers += [nn.Linear(inputs, outputs), leaky_relu(run.slope)()]
    return nn.Sequential(*layers, nn.Linear([prod(shape), *run.critic][-1], 1), nn.Flatten(0))


def start_as_dcgan(network: nn.Module) -> None:
    """Draw weights of convolutions from N(0, 0.02^2), scales of batch norm from N(1, 0.02^2)."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, DCGAN_DEVIATION)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, DCGAN_DEVIATION)


def build_generator(run: GanRun, shape: tuple[int, ...]) -> nn.Module:
    """Freshly initialised generator of `run` for images of `shape` (C, H, W).

    Raises:
        InputError: its networks don't make images of that size.
    """
    if isinstance(run, MlpRun):
        return mlp_generator(run, shape)
    generator = convolutional_generator(run, shape)
    if isinstance(run, DcganRun):
        start_as_dcgan(generator)
    return generator


def build_critic(run: GanRun, shape: tuple[int, ...]) -> nn.Module:
    """Freshly initialised critic of `run` for images of `shape` (C, H, W).

    Raises:
        InputError: its networks don't take images of that size.
    """
    match run:
        case MlpRun():
            critic = mlp_critic(run, shape)
        case ResidualRun():
            critic = residual_critic(run, shape)
        case DcganRun():
            critic = dcgan_critic(run, shape)
            start_as_dcgan(critic)
    if run.spectral_norm:
        for module in list(critic.modules()):
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                spectral_norm(module)
    return critic
