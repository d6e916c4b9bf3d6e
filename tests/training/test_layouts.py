"""No layout and no width may lead to oneDNN's faulty kernels, or to other results.

See `regen.training.device.place`.
"""

import os
import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import nn

from fidelity.small import TRAINING, labelled
from gan.small import SHAPE, networks_of, pixels_of, run_of
from regen.artifacts.datasets import Images
from regen.fidelity.classifier import ClassifierNet
from regen.fidelity.training import ClassifierLearner
from regen.gan.learner import GanLearner
from regen.training.device import autocast, place, plain, set_precision
from regen.vae.networks import build_vae
from regen.vae.observations import observations
from regen.vae.training import VaeLearner
from training.convolutions import channels_last, permuted
from training.layouts import LEARNERS, learn
from vae.small import CONV, SMALL
from waiting import PATIENCE

CPU = torch.device("cpu")


@pytest.mark.parametrize("isa", ["", "AVX2", "AVX512_CORE"])
def test_gradients_of_convolutions_are_right(isa):
    """With all that the CPU has, with registers half as long, and with AVX-512's other bfloat16 kernels.

    In a process of its own, as the fault would end it, and of two threads: with one, some of what is written
    where it does not belong hits nothing that matters.
    """
    if isa and torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("without AVX-512 a CPU has no more than AVX2, so that all cases are the first")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "ONEDNN_MAX_CPU_ISA": isa,
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "passive",  # two threads that spin on one free core take seconds a step
    }
    command = [sys.executable, "-m", "training.convolutions"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_learner_takes_no_strided_point_for_one_with_channels_last(learner):
    """Nor do a GAN's second derivatives make strided 1x1 convolutions of others."""
    assert (learn(learner) > 0) == (learner not in ("residual", "dcgan"))


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (5, 1, 4, 4), (5, 3, 1, 1), (5, 1, 1, 1), (1, 3, 4, 4)])
def test_plain_tensors_have_the_strides_of_new_ones(shape):
    expected = torch.randn(shape)
    for layout in (channels_last, permuted):
        found = plain(layout(expected))
        assert found.stride() == expected.stride()
        assert torch.equal(found, expected)
    assert plain(expected) is expected


def strides(precision, *layers):
    set_precision(precision, CPU)
    return [tuple(each.weight.stride()) for each in place(nn.Sequential(*layers), CPU)]


@pytest.mark.parametrize("stride", [1, (2, 1)])
def test_only_convolutions_that_may_have_them_get_channels_last_on_the_cpu(stride):
    plain, last = [(4, 1, 1, 1), (72, 9, 3, 1)], [(4, 1, 4, 4), (72, 1, 24, 8)]
    for precision in ("float64", "float32"):
        layers = channels_last(nn.Conv2d(4, 8, 1, stride)), nn.Conv2d(8, 2, 3, 2)
        assert strides(precision, *layers) == (last if (precision, stride) == ("float32", 1) else plain)


GANS = {
    "residual": {"spectral_norm": True},
    "r1": {"penalty": "r1", "penalty_coefficient": 1.0},  # whose gradients' gradients are convolutions too
    "gp": {"penalty": "gp", "penalty_coefficient": 1.0},
    "dcgan": {},
}


def gan(changes, laid):
    run = run_of("residual" if changes else "dcgan", ema=0.9, **changes)
    return GanLearner(run, *map(laid, networks_of(run)), autocast("float32", CPU)), pixels_of(8)


def vae(laid):
    run, shape = SMALL.model_copy(update=CONV), (2, 8, 8)
    x = observations(Images(pixels_of(8, shape), None), binarize=False)
    return VaeLearner(laid(build_vae(run, shape)), run, x, autocast("float32", CPU)), x


def classifier(laid):
    settings = TRAINING.model_copy(update={"widths": [4, 8], "pool": True})
    train = labelled(pixels_of(8))
    network = laid(ClassifierNet(SHAPE, 10, settings.widths, settings.pool))
    learner = ClassifierLearner(network, settings, train, train, autocast("float32", CPU))
    return learner, learner.rows


MADE = {**{name: partial(gan, changes) for name, changes in GANS.items()}, "vae": vae, "pooled": classifier}


def steps(make, laid):
    """Terms of three steps of a learner, and its parameters after them."""
    torch.manual_seed(0)
    learner, batch = make(laid)
    terms = [learner.step(batch) for _ in range(3)]
    networks = [part for part in learner.stateful().values() if isinstance(part, nn.Module)]
    assert laid is plainly or any(not p.is_contiguous() for each in networks for p in each.parameters())
    return torch.stack(terms), [p.detach() for each in networks for p in each.parameters()]


def plainly(network):
    return network


@pytest.mark.parametrize("name", MADE)
def test_a_learner_s_steps_are_the_same_in_both_layouts(name):
    set_precision("float32", CPU)
    (terms, found), (expected_terms, expected) = (
        steps(MADE[name], laid) for laid in (partial(place, device=CPU), plainly)
    )
    torch.testing.assert_close(terms, expected_terms, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
