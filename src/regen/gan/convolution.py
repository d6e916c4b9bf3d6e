"""A convolution whose gradient at its input is a transposed convolution, and is differentiated as one.

A penalty on a critic's gradient is differentiated at the weights. Of a convolution torch takes that second
derivative by a convolution whose kernel is as large as the maps; that of a transposed convolution is the same
sums, by the kernels that first derivatives have.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pair = tuple[int, int]


class GradientAtInput(torch.autograd.Function):
    """Passes on y, the convolution of a detached x (N, C, H, W), as that of x itself."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, x: Tensor, weight: Tensor, stride: Pair, padding: Pair) -> Tensor:
        """Return y."""
        ctx.save_for_backward(weight)
        ctx.stride, ctx.padding = stride, padding
        sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, strict=True)
        ctx.unreached = [(size + 2 * pad - kernel) % step for size, kernel, step, pad in sizes]
        ctx.mark_dirty(y)  # so that the layer after it may overwrite it
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients at y and x; that at the weights is y's."""
        (weight,) = ctx.saved_tensors
        at_x = None
        if ctx.needs_input_grad[1]:
            kernels = weight.to(gradient.dtype)  # autocast's
            at_x = F.conv_transpose2d(gradient, kernels, None, ctx.stride, ctx.padding, ctx.unreached)
        return gradient, at_x, None, None, None


class Convolution(nn.Conv2d):
    """`nn.Conv2d`, with `GradientAtInput` on CUDA and under autocast; elsewhere that gains nothing."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not (input.is_cuda or torch.is_autocast_enabled("cpu")):
            return super()._conv_forward(input, weight, bias)
        return convolved(self, input, weight, bias)


def convolved(layer: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """What `layer` makes of `x`, with `GradientAtInput`."""
    y = F.conv2d(x.detach(), weight, bias, layer.stride, layer.padding)
    attached: Tensor = GradientAtInput.apply(y, x, weight, layer.stride, layer.padding)
    return attached
