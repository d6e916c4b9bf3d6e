import math

import pandas as pd
import pytest

from regen import artifacts
from regen.report.vae import (
    METRICS,
    posterior_markdown,
    posterior_table,
    twins,
    vae_facts,
    vae_markdown,
    vae_metrics,
    vae_section,
    vae_table,
)
from report.made_up import RUN


@pytest.fixture
def table(params, records, claims):
    return vae_table(params, records, claims)


@pytest.fixture
def paired(records):
    return posterior_table(records.seeds["same"], records.seeds["same_planar"])


def test_a_row_a_run_of_params_in_their_order(table):
    assert table["run"].tolist() == [
        "l100",
        "grey",
        "same",
        "same_planar",
    ]  # not 'stale'
    assert table["data"].tolist() == ["digits (binarized)", "mnist", "binarized_mnist", "binarized_mnist"]


def test_our_figures_beside_the_reports(table):
    assert table.iloc[0].to_dict() == {
        "run": "l100",
        "data": "digits (binarized)",
        "epochs": 7,
        "seeds": 3,
        "valid_negative_elbo": 102.25,
        "valid_negative_elbo_deviation": 0.125,
        "report_valid_negative_elbo": 102.0,
        "test_log_p": -97.125,
        "test_log_p_deviation": 0.0625,
        "standard_error": 0.51234,
        "report_test_log_p": -95.592,
        "importance_samples": 9,
        "effective_sample_size": 3.25,
        "test_images": 250,
        "report_data": "binarized_mnist",
    }


def test_what_no_report_claims_is_empty(table, tmp_path):
    artifacts.write_csv(tmp_path / "vae.csv", table)
    row = (tmp_path / "vae.csv").read_text().split("\n")[2]
    assert row == "grey,mnist,7,1,103.25,,,-98.125,,0.51234,,9,3.25,250,"


def test_rows_for_readers(table, rows):
    ours = [", ".join(row) for row in rows(vae_markdown(table))]
    assert ours[:3] == [
        "l100, digits (binarized), 7, 3, 102.25 ± 0.12, 102, -97.12 ± 0.06, 0.512, -95.59, 9, 3.25, 250, "
        "binarized_mnist",
        "grey, mnist, 7, 1, 103.25, , -98.12, 0.512, , 9, 3.25, 250, ",  # one seed: no deviation
        "same, binarized_mnist, 7, 3, 104.25 ± 0.12, 100, -99.12 ± 0.06, 0.512, -99, 9, 3.25, 250, "
        "binarized_mnist",
    ]


def test_figures_made_on_other_data_are_told_of(params, table):
    (note,) = [line for line in vae_section(params, table, {}).split("\n") if "Not the report's data" in line]
    assert "`l100` on digits (binarized) (the report: binarized_mnist). Don't compare" in note
    assert "same" not in note  # made on the report's data
    assert "grey" not in note  # not in any report


def test_no_note_where_all_is_made_on_the_reports_data(params, records, claims):
    alone = params.model_copy(update={"vae": {"same": params.vae["same"]}})
    assert "Not the report's data" not in vae_section(alone, vae_table(alone, records, claims), {})


# ---- two posteriors --------------------------------------------------------------------------------------


def test_differences_by_hand(paired):
    """Seeds 1 and 2 are in both: ELBO +1, +2; log p +0.5, +0.5; gap 4.5 - 5 and 4.5 - 6."""
    assert paired["score"].tolist() == ["ELBO", "log p(x)", "gap"]
    assert paired["difference"].tolist() == pytest.approx([1.5, 0.5, -1.0])
    # of two values a and b the standard deviation is |a - b| / sqrt 2, the mean's error |a - b| / 2
    assert paired["standard_error"].tolist() == pytest.approx([0.5, 0.0, 0.5])
    assert paired["pairs"].tolist() == [2, 2, 2]
    assert paired["gaussian"].tolist() == pytest.approx([-101.0, -95.5, 5.5])
    assert paired["planar"].tolist() == pytest.approx([-99.0, -14 / 3 - 90, 99 - 14 / 3 - 90])


@pytest.mark.parametrize(("seeds", "pairs", "difference"), [([1], 1, "1"), ([9], 0, "")])
def test_too_few_pairs_for_an_error(records, rows, seeds, pairs, difference):
    planar = pd.DataFrame({"seed": seeds, "log_p": -94.5, "elbo": -99.0})
    table = posterior_table(records.seeds["same"], planar)
    assert table["standard_error"].isna().all()
    assert rows(posterior_markdown(table))[0] == ["ELBO", "-101", "-99", difference, "", str(pairs)]


def test_twins_of_params(params):
    assert twins(params) == [("same", "same_planar")]


@pytest.mark.parametrize(
    ("changes", "pairs"),
    [
        ({}, [("a", "b")]),
        ({"planar_layers": 1}, [("a", "b")]),
        ({"seeds": [9]}, [("a", "b")]),
        ({"seeds": None}, [("a", "b")]),
        ({"planar_layers": 0}, []),
        ({"data": "mnist"}, []),
        ({"binarize": False}, []),
        ({"epochs": 8}, []),
        ({"latent": 3}, []),
        ({"encoder": [9]}, []),
        ({"decoder": [8, 8]}, []),
        ({"learning_rate": 2e-3}, []),
        ({"batch_size": 32}, []),
        ({"activation": "relu"}, []),
        ({"logit_shift": 0.0}, []),
    ],
)
def test_twins_are_alike_in_all_else(params, changes, pairs):
    a = type(params.vae["l100"]).model_validate(RUN)
    b = type(a).model_validate({**RUN, "planar_layers": 8, **changes})
    assert twins(params.model_copy(update={"vae": {"a": a, "b": b}})) == pairs
    assert twins(params.model_copy(update={"vae": {"b": b, "a": a}})) == pairs


def test_one_gaussian_is_compared_with_each_depth(params):
    deeper = params.vae["same_planar"].model_copy(update={"planar_layers": 16})
    runs = {**params.vae, "deeper": deeper}
    pairs = twins(params.model_copy(update={"vae": runs}))
    assert pairs == [("same", "same_planar"), ("same", "deeper")]


def test_the_section_shows_the_pair(params, table, paired):
    text = vae_section(params, table, {("same", "same_planar"): paired})
    assert "### same_planar: a planar posterior against same's Gaussian" in text
    assert posterior_markdown(paired) in text


# ---- claims and metrics ----------------------------------------------------------------------------------


def test_what_claims_may_ask_for(params, records):
    facts = vae_facts(params, records)
    assert list(facts) == ["l100", "grey", "same", "same_planar"]
    assert facts["l100"].settings == {"data": "digits (binarized)", "epochs": 7, "importance_samples": 9}
    assert facts["same"].metrics["log_p"] == -99.125
    assert facts["same"].metrics["valid_negative_elbo"] == 104.25
    # the mean over seeds 1 to 3, which are half a nat apart
    curve = facts["l100"].metrics["valid_negative_elbo_curve"]
    assert curve == pytest.approx([130.0, 110.0, 105.5, 104.0, 103.0, 102.5, 102.25])


def test_metrics_are_those_of_the_runs_of_params(params, records):
    content = vae_metrics(params, records)
    assert list(content) == ["l100", "grey", "same", "same_planar"]
    assert content["grey"] == {
        "train_negative_elbo": 102.0,
        "valid_negative_elbo": 103.25,
        "valid_kl": 22.0,
        "log_p": -98.125,
        "log_p_standard_error": 0.51234,
        "elbo": -103.5,
        "effective_sample_size": 3.25,
    }
    assert set(content["grey"]) == {key for keys in METRICS.values() for key in keys}


def test_a_run_that_went_wrong_has_words(params, records, claims, rows):
    word = artifacts.metric(math.nan)
    records.vae["grey"]["likelihood"]["log_p"] = word
    assert vae_metrics(params, records)["grey"]["log_p"] == "not finite"
    cells = rows(vae_markdown(vae_table(params, records, claims)))[1]
    assert "not finite" in cells
