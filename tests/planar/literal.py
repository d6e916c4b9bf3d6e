"""Small planar runs, and the loss of one flow as the paper writes it."""

import torch

from planar.small import literal_log_normal
from regen.bijections import Composition, Planar
from regen.planar.flows import Objective, runs_of
from regen.planar.targets import TARGETS

RUNS = runs_of(3, range(4, 6))
K = 3


LOSSES = Objective.losses


def parameters_of(runs, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    u, w = scale * torch.randn(2, K, 2, len(runs), 1, generator=generator, dtype=torch.float64)
    return u, w, torch.randn(K, len(runs), 1, generator=generator, dtype=torch.float64)


def flow_of(parameters, run):
    u, w, b = (each[..., run, 0] for each in parameters)
    return Composition([Planar(*layer) for layer in zip(u, w, b, strict=True)])


def literal_loss(run, flow, x):
    """Return -log p(x) of points, or log q(z) - log p(z) of what becomes of normal samples, (B,)."""
    z, ladj = flow.forward(x)
    if run.source == "samples":
        return -literal_log_normal(z) - ladj
    return literal_log_normal(x) - ladj - TARGETS[run.target].log_density(*z.unbind(-1))
