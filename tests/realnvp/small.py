"""Small RealNVPs, the same as the paper writes them, and numbers to put through."""

import math

import torch
from torch import nn

from planar.small import RUN, SHAPE
from regen.realnvp.networks import build_realnvp, checkerboard

SHAPES = [(1, 1, 2), (1, 2, 3), (2, 3, 3), (3, 4, 5), (1, 28, 28)]


def built(**changes):
    return build_realnvp("small", RUN.model_copy(update=changes), SHAPE)


def uniform(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Masked(nn.Module):
    """The paper's coupling: the network sees the masked image and gives scale and shift of all of it."""

    def __init__(self, ours, mask, seed):
        super().__init__()
        self.mask = mask.double()
        reduced = [layer for layer in ours.network if isinstance(layer, nn.Linear)]
        d, generator = len(mask), torch.Generator().manual_seed(seed)
        sizes = [d, *(layer.out_features for layer in reduced[:-1]), 2 * d]
        full = []
        for i, layer in enumerate(reduced):
            linear = nn.Linear(sizes[i], sizes[i + 1]).double()
            for parameter in linear.parameters():  # dead weights are anything
                parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            inputs = mask if i == 0 else torch.ones(sizes[i], dtype=torch.bool)
            outputs = (
                torch.cat([~mask] * 2)
                if i == len(reduced) - 1
                else torch.ones(sizes[i + 1], dtype=torch.bool)
            )
            linear.weight.data[outputs.nonzero(), inputs.nonzero()[:, 0]] = layer.weight.data
            linear.bias.data[outputs] = layer.bias.data
            full += [linear, nn.ReLU()]
        self.network = nn.Sequential(*full[:-1])

    def forward(self, x):
        s, t = self.network(self.mask * x).chunk(2, -1)
        s = (1 - self.mask) * s.tanh()
        return self.mask * x + (1 - self.mask) * (x * s.exp() + t), s.sum(-1)


def masked_couplings(flow):
    mask = checkerboard(flow.shape)
    return [
        Masked(coupling, mask if i % 2 == 0 else ~mask, seed=i) for i, coupling in enumerate(flow.couplings)
    ]


def literal_bits(flow, maps, pixels, noise):
    """Return bits per dimension as the paper and the course write them, with `maps` for the couplings."""
    alpha, (_, d) = flow.logit.alpha, pixels.shape
    x = (pixels.double() + noise) / 256
    p = alpha / 2 + (1 - alpha) * x
    log_det = -d * math.log(256) + (math.log(1 - alpha) - p.log() - (1 - p).log()).sum(-1)
    z = p.log() - (1 - p).log()
    for each in maps:
        z, ladj = each(z)
        log_det = log_det + ladj
    log_p = (-(z**2) / 2 - math.log(2 * math.pi) / 2).sum(-1) + log_det
    return -log_p / (d * math.log(2))
