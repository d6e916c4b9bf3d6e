"""The model whose p(x) is known, against torch and quadrature."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from regen.theory.gaussian import Gaussian
from theory.small import as_torch, problem_of


def test_densities_are_those_of_torch():
    problem, rng = problem_of(), np.random.default_rng(1)
    z = rng.standard_normal((7, 4, 3))
    posterior = problem.model.posterior(problem.x)
    np.testing.assert_allclose(posterior.log_prob(z), as_torch(posterior).log_prob(torch.from_numpy(z)))
    W, x = torch.from_numpy(problem.model.W), torch.from_numpy(problem.x)
    likelihood = Normal(torch.from_numpy(z) @ W.T, 0.7).log_prob(x).sum(-1)
    np.testing.assert_allclose(problem.model.log_likelihood(problem.x, z), likelihood)
    evidence = MultivariateNormal(torch.zeros(5).double(), W @ W.T + 0.49 * torch.eye(5)).log_prob(x)
    assert problem.model.log_evidence(problem.x) == pytest.approx(float(evidence))


def test_bayes_rule_holds_at_every_z():
    problem = problem_of()
    posterior = problem.model.posterior(problem.x)
    z = 3 * np.random.default_rng(1).standard_normal((50, 3))
    log_joint = problem.model.log_likelihood(problem.x, z) + Gaussian.standard(3).log_prob(z)
    np.testing.assert_allclose(log_joint - posterior.log_prob(z), problem.model.log_evidence(problem.x))


def test_the_evidence_is_the_integral():
    problem = problem_of(latent=1)
    z = np.linspace(-12, 12, 20_001)[:, None]
    log_joint = problem.model.log_likelihood(problem.x, z) + Gaussian.standard(1).log_prob(z)
    integral = np.trapezoid(np.exp(log_joint), z[:, 0])
    assert problem.model.log_evidence(problem.x) == pytest.approx(math.log(integral), abs=1e-10)


def test_a_draw_s_density_is_the_density_at_the_draw():
    q = problem_of().model.posterior(problem_of().x).moved(0.3, 1.5)
    draw = q.sample(np.random.default_rng(2).standard_normal((6, 2, 3)))
    np.testing.assert_allclose(draw.log_prob, q.log_prob(draw.z))


def test_moved_is_off_by_so_many_standard_deviations():
    posterior = problem_of().model.posterior(problem_of().x)
    moved = posterior.moved(0.3, 1.5)
    np.testing.assert_allclose(np.linalg.solve(posterior.factor, moved.mean - posterior.mean), 0.3)
    np.testing.assert_allclose(np.linalg.solve(posterior.factor, moved.factor), 1.5 * np.eye(3), atol=1e-12)


def test_information_is_torch_s_divergence():
    posterior = problem_of().model.posterior(problem_of().x)
    expected = kl_divergence(as_torch(posterior), as_torch(Gaussian.standard(3)))
    assert posterior.kl_to_standard() == pytest.approx(float(expected))
