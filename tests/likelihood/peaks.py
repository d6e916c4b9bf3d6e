"""Print how far the memory in use rises over the limit of estimates, in MiB, one line for each case.

Each is measured in a fork of one small process: fragments that one case leaves in the heap would count for
the next, and to start as many processes takes longer than the estimates.
"""

import ctypes
import os
from pathlib import Path

import torch

from regen.likelihood.importance import estimate
from regen.training.device import set_up
from regen.vae.networks import build_vae
from vae.small import L100, SMALL, random_images

PLANAR = L100.model_copy(update={"planar_layers": 8})
IMAGE = (1, 28, 28)
CASES = [
    (L100, IMAGE, 1, 4000, 16),
    (L100, IMAGE, 60, 100, 16),
    (L100, IMAGE, 60, 100, 64),
    (L100, IMAGE, 4000, 1, 16),
    (SMALL, IMAGE, 4000, 1, 16),
    (SMALL, IMAGE, 1, 4000, 16),
    (SMALL, (1, 2, 3), 3000, 1000, 32),
    (PLANAR, IMAGE, 1, 4000, 16),
    (PLANAR, IMAGE, 60, 100, 64),
    (PLANAR, IMAGE, 4000, 1, 16),
]
"""Run, shape, images, samples, and limit in MiB."""
ALLOWANCE = 8
"""MiB: what malloc, the matrix products' own buffers and the networks' small change may add."""


def mib(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def excess(run, shape, images, samples, limit):
    """Return the least of a few measurements, or the first in the allowance; above it is fragmentation."""
    vae, pixels = build_vae(run, shape), random_images(images, shape[1] * shape[2])
    estimate(vae, pixels[:1], 2, limit, seed=0)
    least = float("inf")
    for _ in range(6):
        ctypes.CDLL(None).malloc_trim(0)  # what malloc keeps for later would hide what is taken from it now
        Path("/proc/self/clear_refs").write_text("5")
        before = mib("VmRSS")
        estimate(vae, pixels, samples, limit, seed=0)
        least = min(least, mib("VmHWM") - before - limit)
        if least <= ALLOWANCE:
            break
    return least


def main():
    set_up("cpu", "float64")
    torch.set_num_threads(1)  # those of others would not be there after a fork
    estimate(build_vae(SMALL, (1, 2, 3)), random_images(3, 6), 5, 8, seed=0)
    for case in CASES:
        if os.fork() == 0:
            print(excess(*case), flush=True)
            os._exit(0)
        assert os.wait()[1] == 0


if __name__ == "__main__":
    main()
