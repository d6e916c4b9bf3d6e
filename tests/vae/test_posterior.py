import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from regen.vae.posterior import DiagonalGaussian, standard_normal_log_prob


def gaussians(*shape, seed=0):
    """Return the same distributions of that batch shape and 5 dimensions, ours and torch's, in float64."""
    generator = torch.Generator().manual_seed(seed)
    mu, logvar, noise = 2 * torch.randn(3, *shape, 5, generator=generator, dtype=torch.float64)
    return DiagonalGaussian(mu, logvar), Independent(Normal(mu, (logvar / 2).exp()), 1), noise


def test_density_sample_and_divergence_are_those_of_torch():
    q, reference, noise = gaussians(7)
    z = reference.mean + reference.stddev * noise
    sample = q.sample(noise)
    torch.testing.assert_close(sample.z, z)
    torch.testing.assert_close(q.log_prob(z), reference.log_prob(z))
    prior = Independent(Normal(torch.zeros_like(z), 1.0), 1)
    torch.testing.assert_close(q.kl(sample), kl_divergence(reference, prior))
    torch.testing.assert_close(standard_normal_log_prob(z), prior.log_prob(z))


def test_a_sample_s_density_is_the_density_at_the_sample():
    q, _, noise = gaussians(7)
    sample = q.sample(noise)
    torch.testing.assert_close(sample.log_prob, q.log_prob(sample.z))


def test_samples_have_the_moments():
    q, reference, _ = gaussians(3)
    noise = torch.randn(200_000, 3, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    z = q.sample(noise).z
    torch.testing.assert_close(z.mean(0), reference.mean, rtol=0, atol=0.1)
    torch.testing.assert_close(z.std(0), reference.stddev, rtol=0.02, atol=0)


def test_many_samples_of_each_image():
    q, reference, _ = gaussians(4)
    noise = torch.randn(4, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    sample = q[:, None].sample(noise)
    assert sample.z.shape == (4, 6, 5)
    assert sample.log_prob.shape == (4, 6)
    for k in range(6):
        torch.testing.assert_close(sample.z[:, k], reference.mean + reference.stddev * noise[:, k])
        torch.testing.assert_close(sample.log_prob[:, k], reference.log_prob(sample.z[:, k]))
        torch.testing.assert_close(q[1:3].log_prob(sample.z[1:3, k]), sample.log_prob[1:3, k])


def test_the_divergence_is_the_mean_log_ratio_and_zero_at_the_prior():
    q, _, _ = gaussians(3)
    noise = torch.randn(100_000, 3, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    sample = q.sample(noise)
    ratio = sample.log_prob - standard_normal_log_prob(sample.z)
    error = ratio.std(0) / 100_000**0.5
    assert ((ratio.mean(0) - q.kl(sample)).abs() < 4 * error).all()
    prior = DiagonalGaussian(torch.zeros(2, 5), torch.zeros(2, 5))
    assert torch.equal(prior.kl(prior.sample(torch.ones(2, 5))), torch.zeros(2))


@pytest.mark.parametrize("logvar", [-30.0, 30.0])
def test_extreme_widths_stay_finite(logvar):
    q = DiagonalGaussian(torch.zeros(1, 5), torch.full((1, 5), logvar))
    noise = torch.ones(1, 5)
    sample = q.sample(noise)
    assert sample.z.isfinite().all()
    assert q.kl(sample).isfinite().all()
    torch.testing.assert_close(q.log_prob(sample.z), sample.log_prob)
    torch.testing.assert_close(sample.log_prob, standard_normal_log_prob(noise) - 2.5 * logvar)


def test_gradients_go_through_the_sample():
    q, _, noise = gaussians(3)

    def of(mu, logvar):
        drawn = DiagonalGaussian(mu, logvar)
        sample = drawn.sample(noise)
        many = drawn[:, None].sample(noise[:, None].expand(-1, 4, -1))
        log_prob = sample.log_prob.sum() + many.log_prob.square().sum()
        return sample.z.sin().sum() + many.z.cos().sum(), log_prob, drawn.kl(sample).sum()

    assert torch.autograd.gradcheck(of, (q.mu.requires_grad_(), q.logvar.requires_grad_()))
