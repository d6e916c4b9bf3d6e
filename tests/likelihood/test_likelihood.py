from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
import torch

from regen.likelihood.importance import estimate, log_weights
from regen.vae.observations import scale
from regen.vae.posterior import Sample
from vae.small import (
    all_images,
    ignore_x,
    ignore_z,
    literal_log_joint,
    literal_log_likelihood,
    literal_log_weights,
    quadrature,
    random_images,
    vae_of,
)

PLANAR = {"planar_layers": 2, "encoder_gain": 1.5}  # maps that move q, and still cover the posterior
POSTERIORS = pytest.mark.parametrize("changes", [{}, PLANAR], ids=["gaussian", "planar"])


@POSTERIORS
@pytest.mark.parametrize("latent", [1, 2])
def test_the_estimate_is_the_integral(latent, changes):
    vae, images = vae_of(latent=latent, gain=3.0, seed=3, **changes), all_images(6)
    exact = quadrature(vae, scale(images))
    assert exact.exp().sum() == pytest.approx(1, abs=1e-6)
    assert exact.max() - exact.min() > 2
    K = 20_000
    result = estimate(vae, images, K, 256, seed=1)
    error = (1 / result.ess - 1 / K).sqrt()
    assert ((result.log_p - exact).abs() < 4 * error + 1e-9).all()
    assert result.ess.median() > K / 20
    assert result.log_p.exp().sum() == pytest.approx(1, abs=0.02)


@POSTERIORS
def test_the_bound_is_the_integral_less_the_divergence_to_the_posterior(changes):
    vae, images = vae_of(latent=1, gain=3.0, seed=1, **changes), all_images(6)
    exact = quadrature(vae, scale(images))
    result = estimate(vae, images, 20_000, 256, seed=2)
    x, z = scale(images), torch.linspace(-12, 12, 4001)[:, None]
    with torch.no_grad():
        log_q = vae.posterior(x)[:, None].log_prob(z[None])
        log_w = literal_log_joint(vae, x, z.expand(len(x), -1, -1)) - log_q
        q_dz = log_q.exp() * (z[1] - z[0])
        expected = (q_dz * log_w).sum(1)
        variance = (q_dz * log_w**2).sum(1) - expected**2
    assert (expected < exact + 1e-5).all()
    assert (expected < exact - 0.01).any()
    assert (result.log_p >= result.elbo).all()
    assert ((result.elbo - expected).abs() < 4 * (variance / 20_000).sqrt() + 1e-5).all()


@pytest.mark.parametrize("planar_layers", [0, 2])
def test_more_samples_bring_the_estimate_up_to_the_integral(planar_layers):
    vae, images = vae_of(gain=3.0, seed=0, planar_layers=planar_layers), all_images(6)
    exact = float(quadrature(vae, scale(images)).mean())
    means, elbos = [], []
    for K in (1, 10, 100, 1000):
        runs = [estimate(vae, images, K, 256, seed=seed) for seed in range(80 if K < 1000 else 10)]
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


@POSTERIORS
@pytest.mark.parametrize("K", [1, 2, 30])
def test_where_q_is_the_posterior_one_sample_is_exact(K, changes):
    vae, images = ignore_x(vae_of(gain=2.0, **changes)), random_images(40, 6)
    logits = ignore_z(vae)  # then the posterior is the prior, and so is q
    exact = literal_log_likelihood(scale(images), logits)
    result = estimate(vae, images, K, 256, seed=3)
    torch.testing.assert_close(result.log_p, exact, rtol=0, atol=1e-9)
    torch.testing.assert_close(result.elbo, exact, rtol=0, atol=1e-9)
    torch.testing.assert_close(result.ess, torch.full((40,), float(K)), rtol=1e-9, atol=0)


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
        cdf = self.log_density.exp().cumsum(1)
        cdf = cdf / cdf[:, -1:]
        level = torch.special.ndtr(noise.squeeze(-1)).contiguous()
        z = self.grid[torch.searchsorted(cdf, level).clamp(max=len(self.grid) - 1)].unsqueeze(-1)
        ll = literal_log_likelihood(self.x[:, None], self.vae.decoder(z))
        log_prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
        return Sample(z, ll + log_prior - self.log_p[:, None])


@torch.no_grad()
def test_any_posterior_will_do_and_the_exact_one_gives_the_integral_at_each_sample():
    vae, x = vae_of(latent=1, gain=3.0, seed=1), scale(all_images(6))
    exact = quadrature(vae, x)
    grid = torch.linspace(-9, 9, 2001)
    ll = literal_log_likelihood(x[:, None], vae.decoder(grid[:, None])[None])
    q = ExactPosterior(grid, ll - grid.square() / 2, vae, x, exact)
    noise = torch.randn(64, 50, 1, generator=torch.Generator().manual_seed(4))
    assert q.sample(noise).z.std() > 0.3
    log_w = log_weights(vae, x, q, noise)
    torch.testing.assert_close(log_w, exact[:, None].expand(-1, 50), rtol=0, atol=1e-9)


@torch.no_grad()
def test_log_weights_as_the_paper_writes_them():
    vae, x = vae_of(gain=3.0, encoder_gain=2.0, latent=3), scale(random_images(10, 6))
    noise = torch.randn(10, 7, 3, generator=torch.Generator().manual_seed(5))
    mu, logvar = vae.encoder(x).chunk(2, -1)
    z = mu[:, None] + (logvar[:, None] / 2).exp() * noise
    expected = literal_log_weights(vae, x, z)
    found = log_weights(vae, x, vae.posterior(x), noise)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_log_weights_after_planar_maps():
    vae, x = vae_of(gain=3.0, latent=3, **PLANAR), scale(random_images(10, 6))
    noise = torch.randn(10, 7, 3, generator=torch.Generator().manual_seed(5))
    q = vae.posterior(x)
    z = q[:, None].sample(noise).z
    expected = literal_log_joint(vae, x, z) - q[:, None].log_prob(z)
    torch.testing.assert_close(log_weights(vae, x, q, noise), expected)
    assert (z - q.base[:, None].sample(noise).z).abs().mean() > 0.1  # the maps do move it
