"""The value of the GAN's game and the generator's gradient, measured on the losses used for training.

The data and the generator are normal distributions p and q. The optimal critic's logit is log p - log q, so
that D = s(logit) = p / (p + q).

References:
    Generative Adversarial Nets (Goodfellow et al., 2014): theorem 1, the value; section 3, the gradient.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.distributions import Normal

from regen.artifacts import Metrics, metric
from regen.gan.losses import OBJECTIVES, cross_entropy

MEAN = 1.0
"""The data's."""
SHIFTS = [i / 8 for i in range(-24, 25)]
"""Offsets of the generator's mean from the data's: up to three standard deviations, including 0."""
POINTS = 10_000
"""Quantiles that represent a distribution: their mean is an integral by the midpoint rule."""
FOUND_OUT = 0.01
"""D(G(z)) of an image that the critic recognises as generated."""


def value(p: Normal, q: Normal) -> float:
    """V(D, G) = E_p log D + E_q log(1 - D) at the optimal critic, in nats: 2 JSD(p, q) - log 4.

    Each expectation is a mean over the quantiles of its distribution, passed to the loss in place of images.
    """
    share = (torch.arange(POINTS, dtype=torch.float64) + 0.5) / POINTS

    def logit(x: Tensor) -> Tensor:
        return p.log_prob(x) - q.log_prob(x)

    return -float(cross_entropy(logit(p.icdf(share)), logit(q.icdf(share))))


def value_by_shift() -> dict[float, float]:
    """Value at each of SHIFTS, in nats."""
    return {shift: value(Normal(MEAN, 1.0), Normal(MEAN + shift, 1.0)) for shift in SHIFTS}


def gradients(probability: float) -> tuple[float, float]:
    """Slopes of the generator's losses in the critic's logit at D(G(z)) = `probability`.

    First that of the two-player game, E_q log(1 - D), then that of the non-saturating loss, -E_q log D.
    """
    logit = math.log(probability / (1 - probability))
    Q = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    saturating = -cross_entropy(torch.zeros_like(Q), Q)
    losses = (saturating, OBJECTIVES["nonsaturating"].generator(Q))
    first, second = (abs(float(torch.autograd.grad(loss, Q)[0])) for loss in losses)
    return first, second


def summary() -> Metrics:
    """Figures for judging the claims: the minimum of the value in nats, and the gradients of the losses.

    `gan_value_shift` is the shift at the minimum, `gan_value_elsewhere` the minimum over all other shifts.
    """
    values = value_by_shift()
    best = min(values, key=lambda shift: values[shift])
    saturating, nonsaturating = gradients(FOUND_OUT)
    return {
        "gan_value": metric(values[best]),
        "gan_value_shift": best,
        "gan_value_elsewhere": metric(min(v for s, v in values.items() if s != best)),
        "gan_saturation": "larger" if nonsaturating > saturating else "not larger",
        "gan_gradient_ratio": metric(nonsaturating / saturating),
    }
