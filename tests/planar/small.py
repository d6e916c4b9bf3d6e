"""Small settings, flows and images."""

import math

import torch

from regen.params import Flow, RealNvpRun
from regen.planar.flows import Flows
from regen.realnvp.networks import RealNVP

SETTINGS = Flow(
    source="generated",
    seeds=2,
    layers=[3],
    iterations=11,
    learning_rate=5e-3,
    batch_size=16,
    init_scale=0.5,
    averaged_losses=4,
    evaluation_samples=2000,
)
RUN = RealNvpRun(
    data="digits",
    couplings=4,
    hidden=[8, 8],
    alpha=1e-3,
    learning_rate=1e-2,
    batch_size=16,
    clip_norm=5.0,
    epochs=4,
    shown_epochs=[0, 2, 4],
    temperature=1.0,
)
SHAPE = (1, 2, 3)


def flows_of(*maps, losses=(1.0,)):
    """Return as many flows as the (u, w, b) of `maps`, each (k, 2), (k, 2), (k,), all with these losses."""
    u, w, b = (torch.stack([torch.as_tensor(each[i]) for each in maps], -1) for i in range(3))
    return Flows(u, w, b, torch.tensor(losses)[:, None].expand(-1, len(maps)))


def random_maps(k, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    u, w = scale * torch.randn(2, k, 2, generator=generator)
    return u, w, torch.randn(k, generator=generator)


def no_maps(k=2):
    """Return planar maps that do nothing."""
    return torch.zeros(k, 2), torch.zeros(k, 2), torch.zeros(k)


def grid(edge=8.0, cells=400):
    """Return the cells' centres of a square (cells^2, 2), float64, and the area of each."""
    axis = ((torch.arange(cells, dtype=torch.float64) + 0.5) / cells * 2 - 1) * edge
    return torch.cartesian_prod(axis, axis), (2 * edge / cells) ** 2


def literal_log_normal(z):
    return -(z[..., 0] ** 2 + z[..., 1] ** 2) / 2 - math.log(2 * math.pi)


def perturbed(shape=SHAPE, scale=0.3, seed=0, couplings=4, hidden=(8, 8), alpha=1e-3):
    """Return a RealNVP with random weights, those of the last layers too, in torch's default dtype."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        flow = RealNVP(shape, couplings, list(hidden), alpha)
        for parameter in flow.parameters():
            parameter.data.add_(scale * torch.randn_like(parameter))
    return flow


def grey_images(count, shape=SHAPE, seed=0):
    """Return images (count, D) uint8 of any brightness, whose pixels are nearly alike."""
    generator = torch.Generator().manual_seed(seed)
    brightness = torch.randint(20, 220, (count, 1), generator=generator)
    return (brightness + torch.randint(0, 20, (count, math.prod(shape)), generator=generator)).to(torch.uint8)
