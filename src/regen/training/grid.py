"""Weights on a grid: training in float64 that ends at the same weights on every machine.

Two machines add in different orders, and their gradients differ in the last bit. Adam divides a gradient by
its own size, so a difference grows from step to step: over 200 steps of a GAN from the sixteenth digit to the
first. Rounding the weights after each step, to a small part of it, takes the difference away before it grows,
but for one weight in some trillion, which lies just between two points of the grid.

On a grid, sums of weights can be zero, and with them what a first layer makes of an even patch of an image.
Where rounding makes -1e-18 of such a zero on one machine and 1e-18 on another, ReLU's gradients differ by all
that passes through it. Pixels are therefore scaled to float32's digits: their products with weights on the
grid are exact in float64, and so are their sums, in whatever order.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

PER_STEP = 128
"""Points of the grid, at least, in a step of Adam, which moves a weight by about the learning rate."""

Steps = TypeVar("Steps", bound=Adam)


def on_grid(optimizer: Steps, network: nn.Module) -> Steps:
    """Have `optimizer` round the weights after each of its steps, where the run computes in float64.

    The buffers of `network` are rounded with them, to float32's digits: differences in spectral norm's
    vectors grow, too, while they turn to a singular value that has become the largest.
    """
    if torch.get_default_dtype() == torch.float64:
        buffers = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        optimizer.register_step_post_hook(partial(_round, buffers))
    return optimizer


@torch.no_grad()
def _round(buffers: list[Tensor], optimizer: Optimizer, *_: Any) -> None:
    for group in optimizer.param_groups:
        points = 1 / spacing(float(group["lr"]))
        for weights in group["params"]:
            weights.mul_(points).round_().div_(points)
    for buffer in buffers:
        buffer.copy_(buffer.float())


def spacing(learning_rate: float) -> float:
    """Distance of two points of the grid: the largest power of two that goes PER_STEP times into a step.

    A power of two, since scaling by it is exact, and grids of smaller steps hold the points of larger ones.
    """
    return 2.0 ** math.floor(math.log2(learning_rate / PER_STEP))
