"""Small VAEs and data, and the model's densities as the textbook writes them, in float64."""

import math

import torch
from torch import nn
from torch.distributions import Normal

from regen.params import Conv, VaeRun
from regen.vae.networks import build_vae

L100 = VaeRun(
    data="digits",
    binarize=True,
    encoder=[300, 300],
    latent=100,
    decoder=[300, 300],
    activation="elu",
    logit_shift=-5.0,
    learning_rate=1e-3,
    batch_size=64,
    epochs=3,
    shown_epochs=[0, 3],
    planar_layers=0,
)
SMALL = L100.model_copy(update={"encoder": [16], "decoder": [16], "latent": 2, "logit_shift": 0.0})


def conv(channels, kernel, **others):
    return Conv(channels=channels, kernel=kernel, **others)


CONV = {
    "encoder": [conv(4, 3, padding=1, pool=2), conv(5, 2, stride=2), 6],
    "decoder": [7, conv(3, 2), conv(2, 3), conv(2, 2, stride=2)],
}


def vae_of(shape=(1, 2, 3), seed=0, gain=1.0, encoder_gain=1.0, **changes):
    """Return a VAE whose weights are `gain` times those of a fresh one: the larger, the more z matters.

    The larger `encoder_gain`, the more x matters, and the further planar maps go.
    """
    torch.manual_seed(seed)
    vae = build_vae(SMALL.model_copy(update=changes), shape)
    for network, factor in ((vae.decoder, gain), (vae.encoder, encoder_gain)):
        for parameter in network.parameters():
            parameter.data.mul_(factor)
    return vae


def all_images(pixels):
    """Return every binary image of so many pixels, (2^pixels, pixels) uint8."""
    index = torch.arange(2**pixels)[:, None]
    return ((index >> torch.arange(pixels)) & 1).to(torch.uint8) * 255


def random_images(count, pixels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, (count, pixels), dtype=torch.uint8, generator=generator) * 255


def last_linear(network):
    return [module for module in network.modules() if isinstance(module, nn.Linear)][-1]


def ignore_x(vae, mu=0.0, logvar=0.0):
    """Make q(z|x) the same N(mu, exp(logvar)) for every x; planar maps after it move nothing."""
    last = last_linear(vae.encoder)
    last.weight.data.zero_()
    last.bias.data.zero_()
    last.bias.data[: vae.latent] = mu
    last.bias.data[vae.latent : 2 * vae.latent] = logvar
    return vae


def ignore_z(vae):
    """Make the decoder's logits the same for every z; return them."""
    last_linear(vae.decoder).weight.data.zero_()
    return last_linear(vae.decoder).bias.detach()


def literal_log_likelihood(x, logits):
    """Return sum_d x log p + (1 - x) log(1 - p), p = 1 / (1 + exp(-logits)), in float64."""
    x, logits = x.double(), logits.double()
    return (x * (1 / (1 + (-logits).exp())).log() + (1 - x) * (1 / (1 + logits.exp())).log()).sum(-1)


def literal_log_joint(vae, x, z):
    """Return log p(x|z) + log p(z) of `x` (N, D), `z` (N, K, latent), in float64."""
    log_prior = Normal(0.0, 1.0).log_prob(z.double()).sum(-1)
    return literal_log_likelihood(x[:, None], vae.decoder(z)) + log_prior


def literal_log_weights(vae, x, z):
    """Return log p(x|z) + log p(z) - log q(z|x) of `x` (N, D), `z` (N, K, latent), in float64, q Gaussian."""
    mu, logvar = vae.encoder(x).double().chunk(2, -1)
    log_q = Normal(mu[:, None], (logvar[:, None] / 2).exp()).log_prob(z.double()).sum(-1)
    return literal_log_joint(vae, x, z) - log_q


@torch.no_grad()
def quadrature(vae, x, points=201, edge=9.0):
    """Return log p(x) = log of the integral of p(x|z) p(z) over a grid of z, in float64: (N, D) -> (N,)."""
    axis = torch.linspace(-edge, edge, points, dtype=torch.float64)
    z = torch.cartesian_prod(*[axis] * vae.latent).reshape(-1, vae.latent)
    logits = vae.decode(z)
    ones, zeros = nn.functional.logsigmoid(logits), nn.functional.logsigmoid(-logits)
    log_prior = Normal(0.0, 1.0).log_prob(z).sum(-1)
    cell = vae.latent * math.log(float(axis[1] - axis[0]))
    x = x.double()
    return torch.stack([(ones @ row + zeros @ (1 - row) + log_prior).logsumexp(0) + cell for row in x])
