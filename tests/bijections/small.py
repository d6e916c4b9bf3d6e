"""Maps of random parameters, in float64."""

import torch
from torch import nn

from regen.bijections import AffineCoupling, Planar

D = 5


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def planar_of(*batch, d=D, scale=1.0, seed=0):
    u, w = scale * normal(2, *batch, d, seed=seed)
    return Planar(u, w, normal(*batch, seed=seed + 1))


def planar_with(wu, d=D, size=1.0, seed=0):
    """Return a map whose w.u is `wu` up to rounding, and whose |w| is about `size`."""
    w = size * normal(d, seed=seed)
    u = normal(d, seed=seed + 1)
    return Planar(u + (wu - w @ u) / (w @ w) * w, w, torch.tensor(0.3, dtype=torch.float64))


def coupling_of(d=D, hidden=7, seed=0, gain=1.0):
    """Return a coupling with a random mask and a random smooth network, in float64."""
    mask = torch.randperm(d, generator=torch.Generator().manual_seed(seed)) < (d + 1) // 2
    kept = int(mask.sum())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(kept, hidden), nn.Tanh(), nn.Linear(hidden, 2 * (d - kept)))
    for parameter in network.parameters():
        parameter.data.mul_(gain)
    return AffineCoupling(mask, network.double().requires_grad_(False))
