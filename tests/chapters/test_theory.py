import pandas as pd
import pytest
from report.cells import rows

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
SUMMARY = {
    "monte_carlo_slope": 1.25,
    "monte_carlo_growth": 2.25,
    "importance_slope": 3.25,
    "importance_growth": 4.25,
    "kl_zero": 0.0,
    "kl_fifty": 50.0,
    "kl_difference": 1e-15,
    "first_reconstruction": 540.0,
    "objective_difference": 1e-13,
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
    assert rows(theory.kl_markdown(KL)) == [
        ["N(0, 1), N(0, 1)", "0", "0", "0", "0.1"],
        ["N(0, 1), N(10, 1)", "50", "50", "50.01", "0.1"],
    ]


def test_both_estimators_stand_in_a_row():
    """First where x does not grow with z, then where it does; the made-up plain error is 5 more."""
    fixed = [["1", "2", "5.10", "105", "0.1", "100"], ["2", "4", "5.20", "205", "0.2", "200"]]
    assert rows(theory.dimension_markdown(DIMENSIONS)) == [*fixed, *fixed]


def test_the_section_has_the_measured_figures(chapter):
    text = " ".join(chapter.section.split())
    assert "the relative error falls like L^1.25" in text
    assert "multiply by 2.25 with each dimension of z" in text
    assert "a little off, by 4.25." in text
    assert "on binary images: not finite; as it is meant: -543.25 nats" in text
    assert "gradient's is 3.5, the largest 77." in text
    assert "at the least -1.38629 nats" in text
    assert "where the means are 0.000 apart, and at least -1.25000 on the rest" in text
    assert "the non-saturating loss is 99 times as steep" in text


def test_claims_may_ask_for_all_of_it_and_metrics_follow_the_rates(chapter):
    assert chapter.facts["theory"].metrics == SUMMARY
    assert chapter.metrics == {"theory": {name: SUMMARY[name] for name in theory.FOLLOWED}}
