"""Estimators of p(x), and the errors that theory says they have."""

import math

import numpy as np
import pytest

from regen.theory import estimators
from regen.theory.estimators import (
    FIXED,
    GROWS,
    IMPORTANCE,
    PLAIN,
    compare,
    dimension_table,
    growth,
    log_chi_square_plus_1,
    log_estimates,
    measure_errors,
    proposals,
    rate,
    rate_table,
)
from regen.theory.gaussian import Gaussian
from theory.small import FACTOR, SETTINGS, problem_of, settings


@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.2, 1.2), (-1.0, 0.8)])
def test_chi_square_is_the_integral(shift, spread):
    p = Gaussian(np.array([0.7]), np.array([[0.6]]))
    q = p.moved(shift, spread)
    z = np.linspace(-9, 9, 20_001)[:, None]
    integral = np.trapezoid(np.exp(2 * p.log_prob(z) - q.log_prob(z)), z[:, 0])
    assert log_chi_square_plus_1(p, q) == pytest.approx(math.log(integral), abs=1e-10)


def test_chi_square_of_a_proposal_too_narrow_is_infinite():
    p = Gaussian.standard(2)
    assert math.isfinite(log_chi_square_plus_1(p, p.moved(0, 0.72)))
    assert log_chi_square_plus_1(p, p.moved(0, 0.70)) == math.inf


def test_chi_square_of_a_moved_posterior_is_a_product_over_the_axes():
    posterior = problem_of().model.posterior(problem_of().x)
    assert log_chi_square_plus_1(posterior, posterior.moved(0.2, 1.2)) == pytest.approx(3 * math.log(FACTOR))


@pytest.mark.parametrize("name", [PLAIN, IMPORTANCE])
def test_estimates_have_the_mean_and_the_error_that_theory_says(name):
    problem = problem_of(latent=2, observed=4)
    q = proposals(problem, SETTINGS)[name]
    estimates = np.exp(log_estimates(problem, q, 50, 4000, np.random.default_rng(3)))
    evidence = math.exp(problem.model.log_evidence(problem.x))
    assert abs(estimates.mean() - evidence) < 4 * estimates.std() / math.sqrt(4000)
    errors = measure_errors(problem, q, 50, 4000, np.random.default_rng(3))
    assert errors.relative_error == pytest.approx(errors.expected_error, rel=0.1)
    assert errors.samples_for_10_percent == pytest.approx(50 * errors.expected_error**2 / 0.01)


def test_with_the_posterior_itself_one_sample_is_exact():
    problem = problem_of()
    q = problem.model.posterior(problem.x)
    errors = measure_errors(problem, q, 1, 5, np.random.default_rng(4))
    assert max(vars(errors).values()) < 1e-6


def test_estimates_do_not_depend_on_how_many_are_made_at_once(monkeypatch):
    problem = problem_of()
    q = proposals(problem, SETTINGS)[PLAIN]
    whole = log_estimates(problem, q, 10, 7, np.random.default_rng(5))
    monkeypatch.setattr(estimators, "AT_ONCE", 25)
    np.testing.assert_allclose(log_estimates(problem, q, 10, 7, np.random.default_rng(5)), whole)


def test_estimates_far_below_the_smallest_number_stay_logarithms():
    problem = problem_of(latent=2, observed=400, noise=0.05)
    q = proposals(problem, SETTINGS)[PLAIN]
    assert (log_estimates(problem, q, 10, 3, np.random.default_rng(6)) < -1000).all()


def test_errors_fall_with_the_root_of_the_samples():
    table = rate_table(settings(problems=16, repeats=100), seed=1)
    for name in (PLAIN, IMPORTANCE):
        assert rate(table, name).value == pytest.approx(-0.5, abs=0.05)
        exact = table.assign(relative_error=table["expected_error"])
        assert rate(exact, name).value == pytest.approx(-0.5, abs=1e-9)


def test_the_growth_is_that_of_the_product():
    table = dimension_table(settings(problems=4, repeats=2), seed=1)
    assert growth(table, IMPORTANCE) == pytest.approx(FACTOR)
    assert growth(table, PLAIN) > 2


def test_plain_monte_carlo_gets_worse_where_each_dimension_can_be_seen(tables):
    table = tables.dimensions.set_index(["observation", "estimator"])["log_error"]
    plain = table.loc[GROWS, PLAIN].to_numpy()
    assert (np.diff(plain) > 0).all()
    assert plain[-1] > 20 * plain[0]
    assert table.loc[FIXED, PLAIN].iloc[-1] < plain[-1] / 5
    assert table.loc[GROWS, IMPORTANCE].iloc[-1] < plain[-1] / 20


def test_the_observation_grows_with_z_or_does_not(tables):
    sizes = tables.dimensions.groupby("observation", sort=False)["observed"].unique()
    assert sizes[GROWS].tolist() == [2, 4, 8, 16]
    assert sizes[FIXED].tolist() == [4]


def test_a_row_stays_as_it_is_when_others_go(tables):
    alone = compare(4, 8, SETTINGS.dimension_samples, SETTINGS, seed=1)
    rows = tables.dimensions[tables.dimensions["observed"].eq(8) & tables.dimensions["latent"].eq(4)]
    np.testing.assert_array_equal(rows["log_error"], alone["log_error"])
