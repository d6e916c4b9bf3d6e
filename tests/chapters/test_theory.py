import pandas as pd
import pytest

from chapters.made_up import write
from regen import artifacts
from regen.chapters import theory

KL = pd.DataFrame(
    {
        "mu_q": 0.0,
        "mu_p": [0.0, 10.0],
        "var_q": 1.0,
        "var_p": 1.0,
        "closed_form": [0.0, 50.0],
        "room": [0.0, 50.0],
        "quadrature": [0.0, 50.0],
        "monte_carlo": [0.0, 50.01],
        "standard_error": 0.1,
    }
)
DIMENSIONS = pd.DataFrame(
    {
        "observation": observation,
        "estimator": estimator,
        "latent": latent,
        "observed": 2 * latent,
        "log_error": 0.1 * latent + plain,
        "samples_for_10_percent": 100.0 * latent + plain,
    }
    for observation in ("grows", "fixed")
    for estimator, plain in (("plain Monte Carlo", 5), ("importance sampling", 0))
    for latent in (1, 2)
)
ENDS = {"first": 0.125, "last": 0.25}
SUMMARY = {
    "monte_carlo_slope": 1.25,
    "monte_carlo_growth": 2.25,
    **{f"monte_carlo_log_error_{x}_{end}": e for x in ("grows", "fixed") for end, e in ENDS.items()},
    **{f"importance_log_error_{x}_{end}": e / 8 for x in ("grows", "fixed") for end, e in ENDS.items()},
    "importance_slope": 3.25,
    "importance_growth": 4.25,
    "kl_zero": 0.0,
    "kl_fifty": 50.0,
    "kl_difference": 1e-15,
    "first_reconstruction": 540.0,
    "objective_difference": 1e-13,
    "determinant_difference": 1e-9,
    "gan_saturation": "larger",
    "bernoulli_as_printed": "not finite",
    "bernoulli_as_defined": -543.25,
    "variance_ratio_score_least": 3.5,
    "variance_ratio_score_most": 77.0,
    "gan_value": -1.38629,
    "gan_value_shift": 0.0,
    "gan_value_elsewhere": -1.25,
    "gan_gradient_ratio": 99.0,
}
FILES = {
    artifacts.scores_file("theory", "summary"): SUMMARY,
    artifacts.theory_table_file("kl"): KL,
    artifacts.theory_table_file("dimensions"): DIMENSIONS,
}


@pytest.fixture
def chapter():
    write(FILES)
    return theory.chapter()


def test_divergences_for_readers():
    assert theory.kl_table(KL).rows == [
        ["N(0, 1), N(0, 1)", "0", "0", "0", "0.1"],
        ["N(0, 1), N(10, 1)", "50", "50", "50.01", "0.1"],
    ]


def test_both_estimators_stand_in_a_row():
    """First where x does not grow with z, then where it does; the made-up plain error is 5 more."""
    fixed = [["1", "2", "5.10", "105", "0.1", "100"], ["2", "4", "5.20", "205", "0.2", "200"]]
    assert theory.dimensions_table(DIMENSIONS).rows == [*fixed, *fixed]


def test_figures_on_their_own_have_the_digits_that_tell_something(chapter):
    found = dict(chapter.tables[0].rows)
    assert list(found) == list(SUMMARY)
    assert [found[name] for name in ("monte_carlo_growth", "gan_value", "gan_value_shift")] == [
        *("2.25", "-1.38629", "0.000"),
    ]
    assert found["bernoulli_as_printed"] == "not finite"


@pytest.mark.parametrize(
    "better", ["monte_carlo_log_error_grows_last", "monte_carlo_log_error_fixed_last", "monte_carlo_growth"]
)
def test_sampling_from_the_prior_gets_worse_if_all_measures_say_so(better):
    assert theory.from_the_prior({**SUMMARY, better: 0.0625}) == "poor, does not get worse"


@pytest.mark.parametrize("observation", ["grows", "fixed"])
def test_it_is_poor_if_importance_sampling_is_better(observation):
    other = f"importance_log_error_{observation}_last"
    assert theory.from_the_prior({**SUMMARY, other: 0.25}) == "good, gets worse"


def test_claims_may_ask_for_all_of_it_and_metrics_follow_the_rates(chapter):
    assert chapter.facts["theory"].metrics == {**SUMMARY, "from_the_prior": "poor, gets worse"}
    assert chapter.metrics == {"theory": {name: SUMMARY[name] for name in theory.FOLLOWED}}
