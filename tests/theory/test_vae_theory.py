import json
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from regen import artifacts
from regen.artifacts.files import NEGLIGIBLE, at_most
from regen.figures.theory import draw
from regen.params import FigureFiles
from regen.theory import divergence, estimators, gradients, objective
from regen.theory.divergence import CASES, closed_form, kl_diagonal_table, kl_table
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
from regen.theory.gaussian import Gaussian, draw_problem
from regen.theory.gradients import FUNCTIONS, estimate, gradient_table
from regen.theory.measure import kl_summary, measure, summary
from regen.theory.objective import bernoulli_table, first_reconstruction_table, objective_table
from regen.theory.streams import stream
from regen.vae.networks import VAE, mlp
from regen.vae.posterior import DiagonalGaussian

SETTINGS = SimpleNamespace(
    kl_samples=20_000,
    rate_samples=[10, 100, 1000],
    rate_latent=2,
    dimensions=[1, 2, 4, 8],
    dimension_samples=200,
    observed_per_latent=2,
    noise=0.5,
    proposal_shift=0.2,
    proposal_spread=1.2,
    problems=8,
    repeats=50,
    gradient_samples=4000,
    gradient_dimensions=[1, 4, 16],
    images=32,
    fresh_vaes=2,
)
FACTOR = 1.44 / math.sqrt(1.88) * math.exp(0.04 / 1.88)
"""1 + chi2 a dimension of N(0, 1) from N(0.2, 1.2^2), worked out by hand."""


def settings(**changes):
    return SimpleNamespace(**(vars(SETTINGS) | changes))


@pytest.fixture(scope="module")
def tables():
    return measure(SETTINGS, seed=1)


def problem_of(latent=3, observed=5, noise=0.7, seed=0):
    return draw_problem(latent, observed, noise, np.random.default_rng(seed))


def as_torch(gaussian):
    return MultivariateNormal(torch.from_numpy(gaussian.mean), scale_tril=torch.from_numpy(gaussian.factor))


# ---- divergences -----------------------------------------------------------------------------------


def test_the_report_s_two_divergences():
    assert [closed_form(case) for case in CASES[:2]] == [0, 50]


@pytest.mark.parametrize("case", CASES)
def test_the_closed_form_is_torch_s(case):
    q, p = Normal(case.mu_q, case.var_q**0.5), Normal(case.mu_p, case.var_p**0.5)
    assert closed_form(case) == pytest.approx(float(kl_divergence(q, p)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_four_ways_to_a_divergence(seed):
    table = kl_table(SETTINGS, seed)
    np.testing.assert_allclose(table["room"], table["closed_form"], atol=1e-12)
    np.testing.assert_allclose(table["quadrature"], table["closed_form"], atol=1e-11)
    off = (table["monte_carlo"] - table["closed_form"]).abs()
    assert (off <= 4.5 * table["standard_error"]).all()
    assert (table["standard_error"].iloc[1:] > 0).all()


def test_a_wrong_closed_form_would_be_seen(monkeypatch):
    monkeypatch.setattr(divergence, "closed_form", lambda case: closed_form(case) + 0.3 * (case.var_q != 1))
    found = kl_summary(kl_table(SETTINGS, 1))
    assert found["kl_difference"] == 1
    assert found["kl_standard_errors"] > 10


def test_the_room_s_divergence_in_many_dimensions():
    table = kl_diagonal_table(SETTINGS, seed=1)
    assert table["latent"].tolist() == SETTINGS.dimensions
    np.testing.assert_allclose(table["quadrature"], table["room"], rtol=1e-12)
    assert ((table["monte_carlo"] - table["room"]).abs() < 4.5 * table["standard_error"]).all()


# ---- the model whose p(x) is known -----------------------------------------------------------------


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


# ---- estimators of p(x) ----------------------------------------------------------------------------


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


# ---- gradients -------------------------------------------------------------------------------------


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


# ---- the terms of the bound ------------------------------------------------------------------------


def test_the_bernoulli_term_as_printed():
    table = bernoulli_table(SETTINGS, seed=1).set_index("data")
    assert table.loc["binary", ["finite", "as_printed"]].tolist() == [0, "not finite"]
    assert table.loc["intensities", "finite"] == 1
    assert table.loc["intensities", "as_printed"] < table.loc["intensities", "as_defined"] - 50
    for data in table.index:
        assert table.loc[data, "room"] == pytest.approx(table.loc[data, "as_defined"], rel=1e-12)


def test_one_binary_pixel_is_enough():
    x, k = torch.tensor([[0.5, 1.0], [0.0, 0.5], [0.5, 0.5]]), torch.full((3, 2), 0.3)
    assert objective.printed(x, k).tolist() == [-math.inf, -math.inf, pytest.approx(2 * math.log(0.5))]
    assert objective.defined(x, k).isfinite().all()


def test_the_two_objectives_are_one():
    table = objective_table(SETTINGS, seed=1)
    assert (table["largest_difference"] == NEGLIGIBLE).all()
    assert table["negative_elbo"].to_numpy() == pytest.approx(
        table["reports_objective"].to_numpy(), rel=0, abs=1e-11
    )


def test_an_objective_without_its_constant_would_be_seen(monkeypatch):
    literal = objective.literal_objective
    monkeypatch.setattr(
        objective, "literal_objective", lambda vae, *rest: literal(vae, *rest) + vae.latent / 4
    )
    assert objective_table(SETTINGS, seed=1)["largest_difference"].tolist() == [1, 10, 10]


def test_a_fresh_vae_s_pixels_cost_log_2_each():
    table = first_reconstruction_table(SETTINGS, seed=1)
    assert table["expected"].round(2).tolist() == [543.43, 543.43]
    assert ((table["mean"] - 543.43).abs() < 25).all()
    assert (table["least"] <= table["mean"]).all()
    assert (table["mean"] <= table["most"]).all()


def test_without_weights_it_is_log_2_exactly(monkeypatch):
    def silent(pixels, latent, _rng):
        vae = VAE(mlp([pixels, 2 * latent], "relu"), mlp([latent, pixels], "relu"), latent, (1, 1, pixels))
        for parameter in vae.parameters():
            parameter.data.zero_()
        return vae

    monkeypatch.setattr(objective, "random_vae", silent)
    table = first_reconstruction_table(SETTINGS, seed=1)
    assert table["mean"].tolist() == pytest.approx([784 * math.log(2)] * 2, rel=1e-9)


# ---- all together ----------------------------------------------------------------------------------


def test_streams_differ_by_seed_and_place():
    first = [stream(*place).random() for place in [(1, "a"), (2, "a"), (1, "b"), (1, "a", 0), (1, 0, "a")]]
    assert len(set(first)) == 5
    assert stream(1, "a").random() == first[0]


@pytest.mark.parametrize(
    ("error", "expected"),
    [(0.0, 1e-9), (2e-13, 1e-9), (1e-9, 1e-9), (2e-9, 1e-8), (1e-3, 1e-3), (4.0, 10.0), (math.inf, math.inf)],
)
def test_at_most(error, expected):
    assert at_most(error) == pytest.approx(expected, abs=0)


def test_the_seed_decides_all_and_torch_s_stream_is_kept(tables):
    torch.manual_seed(7)
    again = measure(SETTINGS, seed=1)
    drawn = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(1))
    for name, table in vars(tables).items():
        pd.testing.assert_frame_equal(table, getattr(again, name))
    other = measure(settings(problems=2, repeats=2), seed=2)
    random = {name for name, table in vars(other).items() if not table.equals(getattr(tables, name))}
    assert random == set(vars(tables))


def test_the_figures_that_claims_are_judged_by(tables, tmp_path):
    artifacts.write_metrics(tmp_path / "summary.json", summary(tables))
    found = json.loads((tmp_path / "summary.json").read_text())
    assert (found["kl_zero"], found["kl_fifty"], found["bernoulli_as_printed"]) == (0, 50, "not finite")
    assert found["kl_difference"] == NEGLIGIBLE
    assert found["objective_difference"] == NEGLIGIBLE
    assert found["monte_carlo_log_error_grows_last"] > found["monte_carlo_log_error_grows_first"]
    assert found["first_reconstruction"] == pytest.approx(543.43, abs=25)
    assert [key for key, value in found.items() if isinstance(value, str)] == ["bernoulli_as_printed"]


def test_the_three_figures_from_saved_tables(tables, tmp_path):
    for name, table in vars(tables).items():
        artifacts.write_csv(tmp_path / f"{name}.csv", table)
    saved = [artifacts.read_csv(tmp_path / f"{name}.csv") for name in ("rate", "dimensions", "gradients")]
    for folder in ("one", "two"):
        draw(*saved, tmp_path / folder, FigureFiles(dpi=50, formats=["png"]))
    files = sorted((tmp_path / "one").iterdir())
    assert [file.name for file in files] == ["dimensions.png", "gradients.png", "rate.png"]
    for file in files:
        with Image.open(file) as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 10
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
