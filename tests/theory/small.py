"""Settings of a small measurement, and a model whose p(x) is known."""

import math
from types import SimpleNamespace

import numpy as np
import torch
from torch.distributions import MultivariateNormal

from regen.theory.gaussian import draw_problem

SETTINGS = SimpleNamespace(
    kl_samples=20_000,
    rate_samples=[10, 100, 1000],
    rate_latent=2,
    dimensions=[1, 2, 4, 8],
    dimension_samples=200,
    observed_per_latent=2,
    noise=0.5,
    proposal_shift=0.2,
    proposal_spread=1.2,
    problems=8,
    repeats=50,
    gradient_samples=4000,
    gradient_dimensions=[1, 4, 16],
    images=32,
    fresh_vaes=2,
)
FACTOR = 1.44 / math.sqrt(1.88) * math.exp(0.04 / 1.88)
"""1 + chi2 a dimension of N(0, 1) from N(0.2, 1.2^2), worked out by hand."""


def settings(**changes):
    return SimpleNamespace(**(vars(SETTINGS) | changes))


def problem_of(latent=3, observed=5, noise=0.7, seed=0):
    return draw_problem(latent, observed, noise, np.random.default_rng(seed))


def as_torch(gaussian):
    return MultivariateNormal(torch.from_numpy(gaussian.mean), scale_tril=torch.from_numpy(gaussian.factor))
