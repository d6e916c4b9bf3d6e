"""Gradients through sampling: their means, and the papers' variances."""

import math

import numpy as np
import pytest
import torch

from regen.theory import gradients
from regen.theory.gradients import FUNCTIONS, estimate, gradient_table
from regen.vae.posterior import DiagonalGaussian
from theory.small import settings


def gaussian_of(*values):
    return DiagonalGaussian(*torch.tensor(values, dtype=torch.float64))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_expectations_are_the_integrals(name):
    q = gaussian_of([0.7], [-0.4])
    z = torch.linspace(-12, 12, 20_001, dtype=torch.float64)[:, None]
    integral = torch.trapezoid(FUNCTIONS[name].f(z) * q.log_prob(z).exp(), z[:, 0])
    torch.testing.assert_close(FUNCTIONS[name].expectation(q), integral)


def test_estimators_as_written():
    q = gaussian_of([0.5, -1.0], [0.2, -0.6])
    noise = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sigma = (q.logvar / 2).exp()
    z = q.mu + sigma * noise
    f = z.square().sum(1, keepdim=True) / 2
    score = torch.stack([noise / sigma, (noise.square() - 1) / 2])
    found = estimate(FUNCTIONS["quadratic"].f, q, noise)
    torch.testing.assert_close(found.reparameterised, torch.stack([z, z * sigma * noise / 2]))
    torch.testing.assert_close(found.score, f * score)
    others = torch.stack([(f[1] + f[2]) / 2, (f[0] + f[2]) / 2, (f[0] + f[1]) / 2])
    torch.testing.assert_close(found.baseline, (f - others) * score)


def test_variances_are_those_of_the_paper_and_pencil():
    """Quadratic f in one dimension: Var z = s^2, and moments of eps for the score function."""
    mu, s = 0.5, 0.8
    q = gaussian_of([mu], [2 * math.log(s)])
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((400_000, 1)))
    found = estimate(FUNCTIONS["quadratic"].f, q, noise)
    assert float(found.reparameterised[0].var()) == pytest.approx(s**2, rel=0.02)
    # f eps / s, f = (mu^2 + 2 mu s eps + s^2 eps^2) / 2, with E eps^2, ^4, ^6 = 1, 3, 15
    second = (mu**4 + 3 * (4 * mu**2 * s**2 + 2 * mu**2 * s**2) + 15 * s**4) / (4 * s**2)
    assert float(found.score[0].var()) == pytest.approx(second - mu**2, rel=0.03)


@pytest.mark.parametrize("seed", range(2))
def test_all_estimators_have_the_closed_form_as_their_mean(seed):
    table = gradient_table(settings(gradient_dimensions=[16]), seed)
    assert (table["finite_difference_error"] <= 1e-7).all()
    off = table[[column for column in table if column.startswith("standard_errors_")]].to_numpy()
    assert ((off > 0.4) & (off < 2)).all()


def test_a_biased_gradient_would_be_seen(monkeypatch):
    def biased(f, q, noise):
        return estimate(f, gaussian_of((q.mu + 0.3).tolist(), q.logvar.tolist()), noise)

    monkeypatch.setattr(gradients, "estimate", biased)
    table = gradient_table(settings(gradient_dimensions=[4]), seed=1)
    of_mu = table[table["parameter"] == "mu"]
    assert (of_mu["standard_errors_reparameterised"] > 10).all()
    assert (of_mu["finite_difference_error"] > 1e-3).all()


def test_the_score_function_varies_more_and_more(tables):
    for _, rows in tables.gradients.groupby(["function", "parameter"]):
        assert (rows["ratio_score"] > rows["ratio_baseline"]).all()
        assert (rows["ratio_baseline"] > 1).all()
        assert rows["ratio_score"].is_monotonic_increasing
