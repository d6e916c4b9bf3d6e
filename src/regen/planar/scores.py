"""Evaluation of trained planar flows: likelihood of the points, or divergence from the density.

Computed in float64, map by map, independently of the batched code used for training.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import torch
from torch import Tensor

from regen.artifacts import at_most
from regen.bijections import Composition
from regen.params import Flow
from regen.planar.flows import LOG_2PI, Flows, Run
from regen.planar.targets import TARGETS, Target

COLUMNS = (
    "run",
    "target",
    "source",
    "layers",
    "seed",
    "loss",
    "nll",
    "kl_up_to_constant",
    "kl",
    "effective_sample_share",
    "largest_inverse_error",
)
INVERTED = 1000
"""Points for checking a flow's inverse, a subset since bisection is slow."""


def log_normal(z: Tensor) -> Tensor:
    """Log-density log N(z; 0, I) of points (..., 2) in nats."""
    return -0.5 * z.square().sum(-1) - LOG_2PI


def log_likelihood(flow: Composition, x: Tensor) -> Tensor:
    """Log-density log p(x) = log N(f(x)) + ladj of points (N, 2), for a flow trained from samples."""
    z, ladj = flow.forward(x)
    return log_normal(z) + ladj


def log_density(flow: Composition, z: Tensor) -> Tensor:
    """Log-density log q(z) at any points (N, 2), for a flow trained from a density, by inverting it."""
    start = flow.inverse(z)
    return log_normal(start) - flow.forward(start).ladj


def divergence(flow: Composition, target: Target, noise: Tensor) -> dict[str, float]:
    """Estimate KL(q || p) up to the constant log Z, KL itself if Z is known, and the effective sample share.

    The latter is (sum w)^2 / (N sum w^2) of the weights w = p(z)/q(z) of samples of q, and 1 if q equals p.
    `noise` (N, 2) is standard normal.
    """
    z, ladj = flow.forward(noise)
    log_w = target.log_density(*z.unbind(-1)) - (log_normal(noise) - ladj)
    kl = -float(log_w.mean())
    log_share = 2 * log_w.logsumexp(0) - (2 * log_w).logsumexp(0) - math.log(len(log_w))
    known = {"kl": kl + target.log_normaliser()} if target.proper else {}
    return {"kl_up_to_constant": kl, **known, "effective_sample_share": float(log_share.exp())}


def inverse_error(flow: Composition, x: Tensor) -> float:
    """Largest round-trip error of the first points of `x` (N, 2) under the flow and its inverse."""
    x = x[:INVERTED]
    return float((flow.inverse(flow.forward(x).y) - x).norm(dim=-1).max())


def score(runs: list[Run], flows: Flows, points: Mapping[str, Tensor], settings: Flow) -> pd.DataFrame:
    """Table with one row per run and seed, in nats.

    `loss`, the mean of the last minibatch losses, is the NLL of the course reports; `nll` is that of all
    points. Runs from a density have their divergence from it.
    """
    rows = []
    for i, run in enumerate(runs):
        flow = flows[i]
        generator = torch.Generator().manual_seed(-1 - run.seed)  # not the noise used in training
        noise = torch.randn(settings.evaluation_samples, 2, generator=generator, dtype=torch.float64)
        x = points[run.target].double()
        if run.source == "samples":
            scores = {"nll": -float(log_likelihood(flow, x).mean())}
        else:
            scores = divergence(flow, TARGETS[run.target], noise)
        error = inverse_error(flow, x if run.source == "samples" else noise)
        rows.append(
            {
                "run": run.name,
                **vars(run),
                "loss": float(flows.losses[-settings.averaged_losses :, i].double().mean()),
                **scores,
                "largest_inverse_error": at_most(error),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))
