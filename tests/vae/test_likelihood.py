import math
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from regen.errors import InputError
from regen.vae.likelihood import LogLikelihood, estimate, log_weights, summarise, summary
from regen.vae.observations import scale
from vae.small import (
    all_images,
    ignore_x,
    ignore_z,
    literal_log_likelihood,
    literal_log_weights,
    quadrature,
    random_images,
    vae_of,
)


@pytest.mark.parametrize("latent", [1, 2])
def test_the_estimate_is_the_integral(latent):
    vae, images = vae_of(latent=latent, gain=3.0, seed=1), all_images(6)
    exact = quadrature(vae, scale(images))
    assert exact.exp().sum() == pytest.approx(1, abs=1e-6)
    assert exact.max() - exact.min() > 2
    K = 20_000
    result = estimate(vae, images, K, 256, seed=1)
    error = (1 / result.ess - 1 / K).sqrt()
    assert ((result.log_p - exact).abs() < 4 * error + 1e-5).all()
    assert result.ess.median() > K / 20
    assert result.log_p.exp().sum() == pytest.approx(1, abs=0.02)


def test_the_bound_is_the_integral_less_the_divergence_to_the_posterior():
    vae, images = vae_of(latent=1, gain=3.0, seed=1), all_images(6)
    x, z = scale(images), torch.linspace(-12, 12, 4001)[:, None]
    with torch.no_grad():
        q = vae.posterior(x)
        log_q = q[:, None].log_prob(z[None]).double()
        log_w = literal_log_weights(vae, x, z.expand(len(x), -1, -1))
        q_dz = log_q.exp() * (z[1] - z[0])
        expected = (q_dz * log_w).sum(1)
        variance = (q_dz * log_w**2).sum(1) - expected**2
    assert (expected < quadrature(vae, x) - 0.01).any()
    result = estimate(vae, images, 20_000, 256, seed=2)
    assert ((result.elbo - expected).abs() < 4 * (variance / 20_000).sqrt() + 1e-5).all()


def test_more_samples_bring_the_estimate_up_to_the_integral():
    vae, images = vae_of(gain=3.0, seed=2), all_images(6)
    exact = float(quadrature(vae, scale(images)).mean())
    means, elbos = [], []
    for K in (1, 10, 100, 1000):
        runs = [estimate(vae, images, K, 256, seed=seed) for seed in range(40 if K < 1000 else 5)]
        means.append(torch.stack([run.log_p.mean() for run in runs]))
        elbos.append(torch.stack([run.elbo.mean() for run in runs]))
    for few, many in pairwise(means):
        error = float((few.var() / len(few) + many.var() / len(many)).sqrt())
        assert many.mean() - few.mean() > 4 * error
    error = float(means[-1].std() / len(means[-1]) ** 0.5)
    assert abs(means[-1].mean() - exact) < 4 * error + 0.02
    assert torch.equal(means[0], elbos[0])
    for elbo in elbos[1:]:  # the bound has the same expectation for every K
        error = float((elbo.var() / len(elbo) + means[0].var() / len(means[0])).sqrt())
        assert abs(elbo.mean() - means[0].mean()) < 4 * error


@pytest.mark.parametrize("K", [1, 2, 30])
def test_where_q_is_the_posterior_one_sample_is_exact(K):
    vae, images = ignore_x(vae_of(gain=2.0)), random_images(40, 6)
    logits = ignore_z(vae)  # then the posterior is the prior, and so is q
    exact = literal_log_likelihood(scale(images), logits)
    result = estimate(vae, images, K, 256, seed=3)
    torch.testing.assert_close(result.log_p, exact, rtol=0, atol=2e-6)
    torch.testing.assert_close(result.elbo, exact, rtol=0, atol=2e-6)
    torch.testing.assert_close(result.ess, torch.full((40,), float(K)).double(), rtol=1e-5, atol=0)


@dataclass(frozen=True)
class ExactPosterior:
    """p(z|x) of a one-dimensional latent, from a table over a grid of z, sampled by inverting its CDF."""

    grid: torch.Tensor
    log_density: torch.Tensor
    vae: Any
    x: torch.Tensor
    log_p: torch.Tensor

    def __getitem__(self, index):
        assert index == (slice(None), None)
        return self

    def sample(self, noise):
        from regen.vae.posterior import Sample

        cdf = self.log_density.exp().cumsum(1)
        cdf = cdf / cdf[:, -1:]
        level = torch.special.ndtr(noise.squeeze(-1).double()).contiguous()
        z = self.grid[torch.searchsorted(cdf, level).clamp(max=len(self.grid) - 1)].float().unsqueeze(-1)
        ll = literal_log_likelihood(self.x[:, None], self.vae.decoder(z))
        log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z.double()).sum(-1)
        return Sample(z, ll + log_prior - self.log_p[:, None])


@torch.no_grad()
def test_any_posterior_will_do_and_the_exact_one_gives_the_integral_at_each_sample():
    vae, x = vae_of(latent=1, gain=3.0, seed=1), scale(all_images(6))
    exact = quadrature(vae, x)
    grid = torch.linspace(-9, 9, 2001).double()
    ll = literal_log_likelihood(x[:, None], vae.decoder(grid.float()[:, None])[None])
    q = ExactPosterior(grid, ll - grid.square() / 2, vae, x, exact)
    noise = torch.randn(64, 50, 1, generator=torch.Generator().manual_seed(4))
    assert q.sample(noise).z.std() > 0.3
    log_w = log_weights(vae, x, q, noise)
    torch.testing.assert_close(log_w.double(), exact[:, None].expand(-1, 50), rtol=0, atol=1e-5)


@torch.no_grad()
def test_log_weights_as_the_paper_writes_them():
    vae, x = vae_of(gain=3.0, encoder_gain=2.0, latent=3), scale(random_images(10, 6))
    noise = torch.randn(10, 7, 3, generator=torch.Generator().manual_seed(5))
    mu, logvar = vae.encoder(x).chunk(2, -1)
    z = mu[:, None] + (logvar[:, None] / 2).exp() * noise
    expected = literal_log_weights(vae, x, z)
    found = log_weights(vae, x, vae.posterior(x), noise)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_summaries_against_plain_weights():
    log_w = torch.randn(6, 9, generator=torch.Generator().manual_seed(6))
    w = log_w.double().exp()
    result = summarise(log_w)
    torch.testing.assert_close(result.log_p, w.mean(1).log())
    torch.testing.assert_close(result.elbo, w.log().mean(1))
    torch.testing.assert_close(result.ess, w.sum(1) ** 2 / (w**2).sum(1))


@pytest.mark.parametrize("offset", [-5000.0, 5000.0])
def test_weights_beyond_exp_are_summarised(offset):
    log_w = torch.randn(6, 9, generator=torch.Generator().manual_seed(6)).double()
    shifted, plain = summarise(log_w + offset), summarise(log_w)
    torch.testing.assert_close(shifted.log_p, plain.log_p + offset)
    torch.testing.assert_close(shifted.ess, plain.ess)


def test_effective_sample_size_lies_between_one_and_all():
    even, one = torch.zeros(1, 50), torch.zeros(1, 50).index_fill(1, torch.tensor([3]), 900.0)
    assert summarise(even).ess.item() == pytest.approx(50)
    assert summarise(one).ess.item() == pytest.approx(1)
    assert summarise(one).log_p.item() == pytest.approx(900 - math.log(50))
    result = estimate(vae_of(gain=6.0, encoder_gain=2.0), random_images(200, 6), 50, 256, seed=1)
    assert (result.ess >= 1 - 1e-9).all()
    assert (result.ess <= 50 + 1e-9).all()
    assert result.ess.std() > 0


def test_one_sample_is_the_bound():
    result = estimate(vae_of(gain=3.0), random_images(50, 6), 1, 256, seed=1)
    assert torch.equal(result.log_p, result.elbo)
    torch.testing.assert_close(result.ess, torch.ones(50).double())


def test_the_standard_error_is_that_of_the_mean_over_images():
    log_p = torch.tensor([1.0, 2.0, 4.0, 9.0]).double()
    result = LogLikelihood(log_p, log_p - 1, torch.tensor([2.0, 3.0, 3.0, 8.0]).double())
    std = (sum((v - 4) ** 2 for v in (1, 2, 4, 9)) / 3) ** 0.5
    assert result.standard_error == pytest.approx(std / 2)
    assert summary(result, 10) == {
        "images": 4,
        "importance_samples": 10,
        "log_p": pytest.approx(4.0),
        "log_p_standard_error": pytest.approx(std / 2),
        "elbo": pytest.approx(3.0),
        "effective_sample_size": pytest.approx(4.0),
        "effective_sample_size_median": pytest.approx(3.0),
    }


def test_numbers_that_are_not_finite_are_words():
    broken = LogLikelihood(*torch.tensor([[math.nan, 1.0]] * 3).double())
    assert summary(broken, 10)["log_p"] == "not finite"


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
        torch.testing.assert_close(one, two, rtol=1e-4 if name == "ess" else 0, atol=atol)


@pytest.mark.parametrize(("images", "K"), [(6, 3000), (150, 30)])
def test_chunks_change_nothing(images, K):
    """Whether the samples of an image are cut or many images share a chunk."""
    vae, pixels = vae_of((1, 28, 28), decoder=[64]), random_images(images, 784)
    small, few = decoded(vae, lambda: estimate(vae, pixels, K, 8, seed=1))
    large, many = decoded(vae, lambda: estimate(vae, pixels, K, 512, seed=1))
    assert sorted(few) != sorted(many)
    assert max(few) < max(many)
    assert_same(small, large, atol=1e-4)


@pytest.mark.parametrize("K", [7, 1500])
def test_further_images_change_nothing(K):
    vae, pixels = vae_of((1, 28, 28), decoder=[64]), random_images(5, 784)
    whole = estimate(vae, pixels, K, 8, seed=1)
    for n in (1, 4):
        first = estimate(vae, pixels[:n], K, 8, seed=1)
        assert_same(first, LogLikelihood(whole.log_p[:n], whole.elbo[:n], whole.ess[:n]), atol=1e-4)


def test_images_have_noise_of_their_own():
    twice = random_images(1, 6).expand(2, 6)
    result = estimate(vae_of(gain=3.0), twice, 20, 256, seed=1)
    assert result.log_p[0] != result.log_p[1]


def test_the_seed_decides_and_the_global_stream_is_left_alone():
    vae, pixels = vae_of(gain=3.0), random_images(5, 6)
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


ALLOWANCE = 8  # MiB: what malloc, the matrix products' own buffers and the networks' small change may add

MEASURE = """
import ctypes
from pathlib import Path
import torch
from regen.training.device import select_device
from regen.vae.likelihood import estimate
from vae.small import L100, SMALL, random_images
from regen.vae.networks import build_vae

def mib(field):
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024

select_device("cpu")
tiny = build_vae(SMALL, (1, 2, 3))
estimate(tiny, random_images(3, 6), 5, 8, seed=0)
for run, shape, images, samples, limit in [
    (L100, (1, 28, 28), 1, 4000, 16),
    (L100, (1, 28, 28), 60, 100, 16),
    (L100, (1, 28, 28), 60, 100, 64),
    (L100, (1, 28, 28), 4000, 1, 16),
    (SMALL, (1, 28, 28), 4000, 1, 16),
    (SMALL, (1, 28, 28), 1, 4000, 16),
    (SMALL, (1, 2, 3), 3000, 1000, 32),
]:
    vae, pixels = build_vae(run, shape), random_images(images, shape[1] * shape[2])
    estimate(vae, pixels[:1], 2, limit, seed=0)
    peaks = []
    for _ in range(3):
        ctypes.CDLL(None).malloc_trim(0)  # what malloc keeps for later would hide what is taken from it now
        Path("/proc/self/clear_refs").write_text("5")
        before = mib("VmRSS")
        estimate(vae, pixels, samples, limit, seed=0)
        peaks.append(mib("VmHWM") - before)
    print(images, samples, limit, min(peaks), flush=True)  # above the least: fragmentation
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not os.access("/proc/self/clear_refs", os.W_OK),
    reason="Linux tells the peak, if it may",
)
def test_memory_stays_within_the_limit():
    import regen

    path = os.pathsep.join([str(Path(regen.__path__[0]).parent), str(Path(__file__).parents[1])])
    lines = subprocess.run(
        [sys.executable, "-c", MEASURE],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(lines) == 7
    print(*lines, sep="\n")
    over = {line for line in lines if float(line.split()[3]) > int(line.split()[2]) + ALLOWANCE}
    assert not over, "images, samples, limit and peak in MiB"
