"""The estimate is the same however images and samples are cut up, and keeps to its memory."""

import os
import subprocess
import sys

import pytest
import torch

from likelihood.peaks import ALLOWANCE, CASES
from regen.errors import InputError
from regen.likelihood.importance import LogLikelihood, estimate
from vae.small import random_images, vae_of

POSTERIORS = pytest.mark.parametrize("planar_layers", [0, 4])


def decoded(vae, run):
    """Return what `run` returns, and the number of samples in each call of the decoder meanwhile."""
    sizes = []
    hook = vae.decoder.register_forward_hook(
        lambda _module, _inputs, output: sizes.append(output.numel() // output.shape[-1])
    )
    result = run()
    hook.remove()
    return result, sizes


def assert_same(some, other, atol):
    for name in ("log_p", "elbo", "ess"):
        one, two = getattr(some, name), getattr(other, name)
        torch.testing.assert_close(one, two, rtol=1e-9 if name == "ess" else 0, atol=atol)


@POSTERIORS
@pytest.mark.parametrize(("images", "K"), [(6, 3000), (150, 30)])
def test_chunks_change_nothing(images, K, planar_layers):
    """Whether the samples of an image are cut or many images share a chunk."""
    vae = vae_of((1, 28, 28), decoder=[64], planar_layers=planar_layers)
    pixels = random_images(images, 784)
    small, few = decoded(vae, lambda: estimate(vae, pixels, K, 8, seed=1))
    large, many = decoded(vae, lambda: estimate(vae, pixels, K, 512, seed=1))
    assert sorted(few) != sorted(many)
    assert max(few) < max(many)
    assert_same(small, large, atol=1e-9)


@POSTERIORS
@pytest.mark.parametrize("K", [7, 1500])
def test_further_images_change_nothing(K, planar_layers):
    vae, pixels = vae_of((1, 28, 28), decoder=[64], planar_layers=planar_layers), random_images(5, 784)
    whole = estimate(vae, pixels, K, 8, seed=1)
    for n in (1, 4):
        first = estimate(vae, pixels[:n], K, 8, seed=1)
        assert_same(first, LogLikelihood(whole.log_p[:n], whole.elbo[:n], whole.ess[:n]), atol=1e-9)


def test_images_have_noise_of_their_own():
    twice = random_images(1, 6).expand(2, 6)
    result = estimate(vae_of(gain=3.0), twice, 20, 256, seed=1)
    assert result.log_p[0] != result.log_p[1]


@POSTERIORS
def test_the_seed_decides_and_the_global_stream_is_left_alone(planar_layers):
    vae, pixels = vae_of(gain=3.0, planar_layers=planar_layers), random_images(5, 6)
    torch.manual_seed(9)
    one = estimate(vae, pixels, 20, 256, seed=1)
    drawn = torch.rand(3)
    torch.manual_seed(9)
    assert torch.equal(torch.rand(3), drawn)
    again, other = (estimate(vae, pixels, 20, 256, seed=seed) for seed in (1, 2))
    assert torch.equal(one.log_p, again.log_p)
    assert (one.log_p != other.log_p).all()


def test_too_little_memory_is_an_input_error_that_says_how_much():
    vae, pixels = vae_of((1, 28, 28), latent=500), random_images(3, 784)
    with pytest.raises(InputError, match=r"^params.yaml: likelihood.max_memory: 8: .*K = 5000;") as caught:
        estimate(vae, pixels, 5_000, 8, seed=1)
    assert "\n" not in str(caught.value)
    least = int(str(caught.value).partition("at least ")[2].partition(" ")[0])
    assert least > 8
    with pytest.raises(InputError):
        estimate(vae, pixels[:1], 5_000, least - 1, seed=1)
    assert estimate(vae, pixels[:1], 5_000, least, seed=1).log_p.isfinite().all()


@pytest.mark.skipif(
    sys.platform != "linux" or not os.access("/proc/self/clear_refs", os.W_OK),
    reason="Linux tells the peak, if it may",
)
def test_memory_stays_within_the_limit():
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "likelihood.peaks"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = zip(CASES, map(float, done.stdout.split()), strict=True)
    assert [(case, excess) for case, excess in found if excess > ALLOWANCE] == []
