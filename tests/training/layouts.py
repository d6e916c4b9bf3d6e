"""Learners that test_layouts.py has take a step; at single convolutions it tries `training.convolutions`.

Everything takes odd batches, of images whose strides put channels last. `Watch` fails on all CPUs where torch
could take a strided 1x1 convolution for one with channels last, before it runs.
"""

from itertools import product

import torch

from fidelity.small import TRAINING, labelled
from gan.small import run_of
from regen.artifacts.datasets import Images
from regen.fidelity.classifier import ClassifierNet
from regen.fidelity.training import ClassifierLearner
from regen.gan.learner import GanLearner
from regen.gan.networks import build_critic, build_generator
from regen.params import Conv
from regen.training.device import autocast, place, set_precision
from regen.vae.networks import build_vae
from regen.vae.observations import observations
from regen.vae.training import VaeLearner
from training.convolutions import BATCH, CPU, ERRORS, Watch, channels_last
from vae.small import SMALL

WIDTHS = (1, 3)
"""Channels: one map is contiguous in both layouts, so that torch may misread its strides."""


def images_of(channels, side, count=BATCH):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, channels, side, side), dtype=torch.uint8, generator=generator)
    return channels_last(pixels)


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
