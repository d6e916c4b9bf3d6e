"""Elementwise functions in forms that are fast on a CPU; accelerators use torch's own kernels.

torch's CPU kernels of elu, softplus and binary cross-entropy use expm1 and log1p, which take 5 to 8 times as
long as exp and log. The rounding error of exp and log is at most half an ulp of 1 (6e-8 in float32, 1e-16 in
float64), which is below the precision of sums of such numbers.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Elu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.maximum(x, x.clamp(max=0).exp_().sub_(1))  # x is the larger where x > 0
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        return y.clamp(max=0).add_(1).mul_(grads[0])


class _Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.abs().neg_().exp_().add_(1).log_().add_(x.clamp(min=0))  # never overflows

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return x.sigmoid().mul_(grads[0])


def elu(x: Tensor) -> Tensor:
    """ELU: x where it is positive, exp(x) - 1 elsewhere."""
    return _Elu.apply(x) if x.device.type == "cpu" else F.elu(x)


def softplus(x: Tensor) -> Tensor:
    """Softplus: log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|))."""
    return _Softplus.apply(x) if x.device.type == "cpu" else F.softplus(x)


class ELU(nn.Module):
    """`elu` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply `elu` elementwise."""
        return elu(x)


def bernoulli_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    """Evaluate sum_d x_d log p_d + (1 - x_d) log(1 - p_d) = sum_d x_d l_d - softplus(l_d), p = sigmoid(l).

    `x` and `logits` (..., D), broadcast against each other -> (...) nats.
    """
    logits = logits.to(torch.promote_types(x.dtype, logits.dtype))  # bfloat16 under autocast
    return (x * logits - softplus(logits)).sum(-1)
