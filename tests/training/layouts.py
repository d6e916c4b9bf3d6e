"""What test_layouts.py tries at convolutions and learners.

Everything takes odd batches, of images whose strides put channels last. Memory that is overwritten is noticed
only on CPUs, and at sizes, where it matters: `convolutions` runs in processes of its own, which it may end.
`Watch` fails on all CPUs where torch could take a strided 1x1 convolution for one with channels last, before
it runs.
"""

from itertools import product

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fidelity.small import TRAINING, labelled
from gan.small import run_of
from regen.artifacts.datasets import Images
from regen.fidelity.classifier import ClassifierNet
from regen.fidelity.training import ClassifierLearner
from regen.gan.learner import GanLearner
from regen.gan.networks import build_critic, build_generator
from regen.params import Conv
from regen.training.device import autocast, place, plain, set_precision
from regen.vae.networks import build_vae
from regen.vae.observations import observations
from regen.vae.training import VaeLearner
from vae.small import SMALL

CPU = torch.device("cpu")
REGISTERS = (1, 2, 3, 7, 8, 9, 15, 16, 17)
"""Channels: those around the 8 numbers that a vector register of AVX2 holds, and the 16 of AVX-512. Without
`plain`, convolutions with AVX-512 end the process at 2 to 15."""
WIDTHS = (1, 3)
"""Channels: one map is contiguous in both layouts, so that torch may misread its strides."""
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


def images_of(channels, side, count=BATCH):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, channels, side, side), dtype=torch.uint8, generator=generator)
    return channels_last(pixels)


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


def vae(width, precision):
    """Step a VAE with strided 1x1 convolutions, which no profile has, but which anyone may write."""
    pointwise = Conv(channels=width, kernel=1, stride=2)
    halving = Conv(channels=width, kernel=3, padding=1, pool=2)
    doubling = Conv(channels=width, kernel=4, stride=2, padding=1)
    last = Conv(channels=1, kernel=2, stride=2)
    encoder = [pointwise, halving, pointwise]  # 30 - 15 - 7 - 4 pixels a side
    decoder = [Conv(channels=width, kernel=4), doubling, pointwise, last]  # 4 - 8 - 15 - 30
    run = SMALL.model_copy(update={"encoder": encoder, "decoder": decoder})
    pixels = observations(Images(images_of(1, 30), None), binarize=True)
    learner = VaeLearner(place(build_vae(run, (1, 30, 30)), CPU), run, pixels, autocast(precision, CPU))
    learner.step(pixels)
    learner.validate()


def gan(networks, width, precision):
    cases = [(1, "none"), (3, "none")]
    if networks == "residual" and precision == "float32":
        cases += [(3, "r1"), (3, "gp")]  # whose gradients' gradients are convolutions too
    for channels, penalty in cases:
        run = run_of(
            networks,
            width=width,
            batch_size=BATCH,
            critic_steps=1,
            penalty=penalty,
            penalty_coefficient=float(penalty != "none"),
        )
        players = (place(build(run, (channels, 8, 8)), CPU) for build in (build_generator, build_critic))
        learner = GanLearner(run, *players, autocast(precision, CPU))
        pixels = images_of(channels, 8)
        learner.step(pixels)
        learner.losses(pixels)


def classifier(augment, width, precision):
    settings = TRAINING.model_copy(update={"widths": [width, width], "augment": augment})
    for channels in (1, 3):
        train = labelled(images_of(channels, 28, 17))
        network = place(ClassifierNet((channels, 28, 28), 10, settings.widths), CPU)
        learner = ClassifierLearner(network, settings, train, train, autocast(precision, CPU))
        learner.step(learner.rows)
        learner.validate()


LEARNERS = {
    "vae": vae,
    "residual": lambda *which: gan("residual", *which),
    "dcgan": lambda *which: gan("dcgan", *which),
    "classifier": lambda *which: classifier(False, *which),
    "augmented": lambda *which: classifier(True, *which),
}


def learn(name):
    """Take a step, or a few, of the learner of that name at all widths and in both precisions, watched.

    Return the number of its strided 1x1 convolutions.
    """
    points = 0
    for width, precision in product(WIDTHS, ERRORS):
        set_precision(precision, CPU)
        torch.manual_seed(width)
        with Watch() as watch:
            LEARNERS[name](width, precision)
        points += watch.points
    return points


if __name__ == "__main__":
    convolutions()
