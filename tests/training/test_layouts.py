"""No layout and no width may lead to oneDNN's faulty kernels; see `regen.training.device.place`."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from regen.training.device import place, plain
from training.layouts import LEARNERS, channels_last, learn, permuted
from waiting import PATIENCE

CPU = torch.device("cpu")


@pytest.mark.parametrize("isa", ["", "AVX2", "AVX512_CORE"])
def test_gradients_of_convolutions_are_right(isa):
    """With all that the CPU has, with registers half as long, and with AVX-512's other bfloat16 kernels.

    In a process of its own, as the fault would end it, and of two threads: with one, some of what is written
    where it does not belong hits nothing that matters.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "ONEDNN_MAX_CPU_ISA": isa,
        "OMP_NUM_THREADS": "2",
        "OMP_WAIT_POLICY": "passive",  # two threads that spin on one free core take seconds a step
    }
    command = [sys.executable, "-m", "training.layouts"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_learner_takes_no_convolution_for_one_with_channels_last(learner):
    learn(learner)


@pytest.mark.parametrize("shape", [(5, 3, 4, 4), (5, 1, 4, 4), (5, 3, 1, 1), (5, 1, 1, 1), (1, 3, 4, 4)])
def test_plain_tensors_have_the_strides_of_new_ones(shape):
    expected = torch.randn(shape)
    for layout in (channels_last, permuted):
        found = plain(layout(expected))
        assert found.stride() == expected.stride()
        assert torch.equal(found, expected)
    assert plain(expected) is expected


def test_networks_are_placed_plainly_on_the_cpu():
    network = place(channels_last(nn.Sequential(nn.Conv2d(4, 8, 1), nn.Conv2d(8, 2, 3))), CPU)
    assert [tuple(each.weight.stride()) for each in network] == [(4, 1, 1, 1), (72, 9, 3, 1)]
