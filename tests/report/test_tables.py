import json
import math

import pytest

from regen import artifacts
from regen.report.claims import Claim, Claims
from regen.report.tables import claims_table, dirac_table, metrics, vae_table


def test_a_row_a_run_of_params_in_their_order(params, records, claims):
    table = vae_table(params, records, claims)
    assert table["run"].tolist() == ["l100", "grey", "same"]  # 'stale' has a record, and no run
    assert table["data"].tolist() == ["digits (binarized)", "mnist", "binarized_mnist"]


def test_our_figures_beside_the_reports(params, records, claims):
    row = vae_table(params, records, claims).iloc[0]
    assert row.to_dict() == {
        "run": "l100",
        "data": "digits (binarized)",
        "epochs": 7,
        "valid_negative_elbo": 102.25,
        "report_valid_negative_elbo": 102.0,
        "test_log_p": -97.125,
        "standard_error": 0.51234,
        "report_test_log_p": -95.592,
        "importance_samples": 9,
        "effective_sample_size": 3.25,
        "test_images": 250,
        "report_data": "binarized_mnist",
    }


def test_what_no_report_claims_is_empty(params, records, claims, tmp_path):
    table = vae_table(params, records, claims)
    assert table.loc[1, ["report_valid_negative_elbo", "report_test_log_p", "report_data"]].isna().all()
    artifacts.write_csv(tmp_path / "vae.csv", table)
    assert (tmp_path / "vae.csv").read_text().split("\n")[
        2
    ] == "grey,mnist,7,103.25,,-98.125,0.51234,,9,3.25,250,"


@pytest.fixture
def compared(params, records, curves, claims):
    return claims_table(params, vae_table(params, records, claims), curves, claims).set_index("claim")


def test_claims_of_our_runs_are_compared(compared):
    assert compared.index.tolist() == ["a", "b", "c", "d", "e"]  # f is the games', g nothing of ours
    assert compared.loc["c"].to_dict() == {
        "what": "log p",
        "report": -99.0,
        "ours": -99.125,
        "tolerance": 0.2,
        "verdict": "agrees",
    }


def test_a_figure_made_with_other_settings_gets_no_verdict(compared):
    """However near it comes: `a` would agree."""
    assert compared["verdict"].to_dict() == {
        "a": "other data",
        "b": "other data",
        "c": "agrees",
        "d": "other epochs",
        "e": "agrees",
    }


def test_a_curve_is_compared_where_it_is_furthest_away(compared):
    assert compared.loc["e", ["report", "ours"]].tolist() == [103.0, 105.5]


@pytest.mark.parametrize(
    ("expected", "tolerance", "verdict"),
    [(-99.0, 0.1, "differs"), (-99.25, 0.1, "differs"), (-99.25, 0.13, "agrees"), (-99.125, 0.0, "agrees")],
)
def test_the_tolerance_counts_both_ways(params, records, curves, expected, tolerance, verdict):
    claims = Claims(
        (Claim("c", "src", "same", "log_p", expected, "", tolerance, {"data": "binarized_mnist"}),)
    )
    table = claims_table(params, vae_table(params, records, claims), curves, claims)
    assert table["verdict"].tolist() == [verdict]


def test_a_figure_that_is_not_finite_differs(params, records, curves):
    records["same"]["likelihood"]["log_p"] = artifacts.metric(math.nan)
    claims = Claims((Claim("c", "src", "same", "log_p", -99.0, "", 1e9, {"data": "binarized_mnist"}),))
    table = claims_table(params, vae_table(params, records, claims), curves, claims)
    assert table.loc[0, ["ours", "verdict"]].tolist() == ["not finite", "differs"]


def test_verdicts_beside_the_reports_wording(verdicts, claims):
    table = dirac_table(verdicts, claims)
    assert table["report"].fillna("").tolist() == ["diverges", ""]
    assert table.drop(columns="report").equals(verdicts)
    assert "report" not in verdicts


def test_metrics_are_those_of_the_runs_of_params(params, records, verdicts):
    content = metrics(params, records, verdicts)
    assert list(content) == ["l100", "grey", "same", "dirac"]
    assert content["grey"] == {
        "train_negative_elbo": 102.0,
        "valid_negative_elbo": 103.25,
        "valid_kl": 22.0,
        "log_p": -98.125,
        "log_p_standard_error": 0.51234,
        "elbo": -103.5,
        "effective_sample_size": 3.25,
    }
    assert content["dirac"] == {
        "jsd-1": {
            "verdict": "cycles",
            "agreement": 1.0,
            "rate_per_1000": -0.004104,
            "final_distance": 0.746730178,
        },
        "w1-9": {
            "verdict": "converges slowly",
            "agreement": 0.75,
            "rate_per_1000": -0.005217,
            "final_distance": 0.0254781363,
        },
    }


def test_metrics_hold_finite_numbers_and_words(params, records, verdicts, tmp_path):
    """Even of a run that went wrong and of games that ran off."""
    records["grey"]["likelihood"]["log_p"] = artifacts.metric(math.nan)
    verdicts["final_distance_ema"] = verdicts["final_distance_ema"].astype(object)
    verdicts.loc[1, "final_distance_ema"] = "not finite"
    file = tmp_path / "metrics.json"
    artifacts.write_metrics(file, metrics(params, records, verdicts))
    content = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert content["grey"]["log_p"] == "not finite"
    assert content["dirac"]["w1-9"]["final_distance"] == "not finite"
