"""Gradients of convolutions at all widths that matter: python -m training.convolutions

Memory that is overwritten is noticed only on CPUs, and at sizes, where it matters, and may end the process,
which is one of its own. With torch alone it starts soon.
"""

from itertools import product

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from regen.training.device import autocast, place, plain, set_precision

CPU = torch.device("cpu")
REGISTERS = (1, 2, 3, 7, 8, 9, 15, 16, 17)
"""Channels: those around the 8 numbers that a vector register of AVX2 holds, and the 16 of AVX-512. Without
`plain`, convolutions with AVX-512 end the process at 2 to 15."""
BATCH = 5
ERRORS = {"float32": 1e-4, "bfloat16": 5e-2}
"""That gradients may have in each precision, of their largest value."""
LARGE, SMALL_MAPS, PIXEL = (33, 64), (BATCH, 9), (BATCH, 1)
"""Images and pixels a side. What is written out of bounds is noticed in AVX-512's kernels from LARGE on."""


class Watch(TorchDispatchMode):
    """Fails where a strided 1x1 convolution, also one in a gradient, may be taken for one with channels last.

    `points` counts those that it saw.
    """

    def __init__(self):
        super().__init__()
        self.points = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten.convolution.default:
            self.check(args[3], *args[:2])  # image and weights
        elif func is torch.ops.aten.convolution_backward.default:
            self.check(args[4], *args[1:3])  # which decide, and not the gradient before them
        return func(*args, **(kwargs or {}))

    def check(self, stride, image, weights):
        """Fail where torch reads channels last from the strides of either: else this copies nothing."""
        if weights.shape[2:] != (1, 1) or max(stride) == 1:
            return
        self.points += 1
        for x in (image, weights):
            same = x.to(memory_format=torch.contiguous_format).data_ptr() == x.data_ptr()
            assert same, f"{tuple(x.shape)} with strides {x.stride()}"


def channels_last(x):
    """Return `x`, a tensor or a network, with strides that say so even of one channel, or of one pixel."""
    return x.to(memory_format=torch.channels_last)


def permuted(x):
    return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def convolutions():
    """Compare the gradients of placed convolutions at plain images with those in float64."""
    kinds = (
        (nn.Conv2d, 1, 2, (LARGE, SMALL_MAPS, PIXEL)),
        (nn.Conv2d, 1, 1, (SMALL_MAPS,)),
        (nn.Conv2d, 3, 2, (SMALL_MAPS,)),
        (nn.Conv2d, 4, 2, (SMALL_MAPS,)),
        (nn.ConvTranspose2d, 1, 2, (SMALL_MAPS, PIXEL)),
        (nn.ConvTranspose2d, 4, 2, (SMALL_MAPS, PIXEL)),
    )
    for width, (kind, kernel, stride, sizes) in product(REGISTERS, kinds):
        torch.manual_seed(width)
        for count, side in sizes:
            conv = place(channels_last(kind(width, 16, kernel, stride, bias=False)), CPU)
            compare(conv, permuted(torch.randn(count, width, side, side)))


def compare(conv, x):
    exact = gradients(conv.double(), x.double())
    conv.float()
    for precision, error in ERRORS.items():
        if precision == "bfloat16" and x.shape[-1] == 1:
            continue  # oneDNN's AVX512_CORE kernels may give NaN there, in any layout: a run stops at it
        set_precision(precision, CPU)
        with Watch(), autocast(precision, CPU):
            found = gradients(conv, plain(x))
        for one, other in zip(found, exact, strict=True):
            scale = other.abs().max()
            torch.testing.assert_close(one / scale, (other / scale).float(), rtol=0, atol=error)


def gradients(conv, x):
    """Return those at the image and at the weights."""
    x = x.detach().requires_grad_()
    y = conv(x)
    upstream = torch.arange(y.numel(), dtype=x.dtype).sin().reshape(y.shape)
    return torch.autograd.grad(y, [x, *conv.parameters()], upstream.to(y.dtype))


if __name__ == "__main__":
    convolutions()
