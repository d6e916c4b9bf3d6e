import math

import pytest

from regen import artifacts
from regen.chapters.vae import (
    METRICS,
    bound_holds,
    codes_markdown,
    codes_table,
    vae_facts,
    vae_markdown,
    vae_metrics,
    vae_section,
    vae_table,
)


@pytest.fixture
def table(params, records, claims):
    return vae_table(params, records, claims)


@pytest.fixture
def codes(params, records):
    return codes_table(params, records)


@pytest.fixture
def section(params, records, table, codes):
    return vae_section(params, records, table, codes, "(pairs)")


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
        "test_negative_elbo": 102.875,
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
    assert row == "grey,mnist,7,1,103.25,,,103.875,,,,,,,250,"


def test_rows_for_readers(table, rows):
    ours = [", ".join(row) for row in rows(vae_markdown(table))]
    assert ours[:3] == [
        "l100, digits (binarized), 7, 3, 102.25 ± 0.12, 102, 102.88, -97.12 ± 0.06, 0.512, -95.59, 9, 3.25, "
        "250, binarized_mnist",
        "grey, mnist, 7, 1, 103.25, , 103.88, , , , , , 250, ",  # one seed: no deviation
        "same, binarized_mnist, 7, 3, 104.25 ± 0.12, 100, 104.88, -99.12 ± 0.06, 0.512, -99, 9, 3.25, 250, "
        "binarized_mnist",
    ]


def note(section, start):
    lines = [line for line in section.split("\n") if line.startswith(f"**{start}")]
    return lines[0] if lines else ""


def test_figures_made_on_other_data_are_told_of(section):
    told = note(section, "Not the report's data")
    assert "`l100` on digits (binarized) (the report: binarized_mnist). Don't compare" in told
    assert "same" not in told  # made on the report's data
    assert "grey" not in told  # not in any report


def test_the_bound_of_intensities_is_told_apart(section):
    assert "`grey`. A Bernoulli likelihood is not one of bytes" in note(section, "Intensities")
    assert "l100" not in note(section, "Intensities")


def test_no_note_where_there_is_nothing_to_note(params, records, claims):
    alone = params.model_copy(update={"vae": {"same": params.vae["same"]}})
    table, codes = vae_table(alone, records, claims), codes_table(alone, records)
    assert "**" not in vae_section(alone, records, table, codes, "")


def test_validation_on_test_images_is_told_of(params, records, table, codes):
    run = params.vae["grey"].model_copy(update={"data": "cifar10"})
    changed = params.model_copy(update={"vae": {**params.vae, "grey": run}})
    text = vae_section(changed, records, table, codes, "")
    assert note(text, "Validated on the test images").endswith(": `grey`.")


def test_the_figures_that_there_are(section):
    shown = [line for line in section.split("\n") if line.startswith("![same:")]
    names = ["learning_curves", "samples", "reconstructions", "manifold", "codes"]
    assert shown == [f"![same: {name}](figures/same/{name}.png)" for name in names]
    assert "figures/l100/manifold.png" not in section
    assert section.index("(pairs)") < section.index("### l100")


def test_rows_on_codes(codes, rows):
    ours = [", ".join(row) for row in rows(codes_markdown(codes))]
    assert ours[:2] == [
        "l100, 123, 2, 1, no, 80.50, 22.38, 0.0156, 0.0625, 1.50, 5.75, 0.25",
        "grey, 123, 2, 1, no, 80.50, 23.38, 0.0156, , , , ",
    ]


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ((5.75, 5.75, 5.75), "on every run"),
        ((-0.4, 5.75, 0.1), "on every run"),  # within two standard errors of 0.25
        ((-0.6, 5.75, -9.0), "not on l100, same_planar"),
        ((5.75, "not finite", 5.75), "not on same"),
    ],
)
def test_where_the_bound_holds(records, section, gaps, expected):
    for run, gap in zip(("l100", "same", "same_planar"), gaps, strict=True):
        records.vae[run]["likelihood"]["gap"] = gap
    assert bound_holds(records) == expected
    assert "and hold so on every run" in section


# ---- claims and metrics ----------------------------------------------------------------------------------


def test_what_claims_may_ask_for(params, records):
    facts = vae_facts(params, records)
    assert list(facts) == ["vae", "l100", "grey", "same", "same_planar"]
    assert facts["vae"].metrics == {"bound": "on every run"}
    assert facts["l100"].settings == {"data": "digits (binarized)", "epochs": 7, "importance_samples": 9}
    assert facts["same"].metrics["log_p"] == -99.125
    assert facts["same"].metrics["valid_negative_elbo"] == 104.25
    # the mean over seeds 1 to 3, which are half a nat apart
    assert facts["l100"].metrics["best_valid_negative_elbo"] == pytest.approx(102.25)
    assert facts["l100"].metrics["generalisation"] == "close"
    assert facts["l100"].metrics["largest_step"] == 1.5
    assert facts["grey"].metrics["largest_step"] == "not scored"
    curve = facts["l100"].metrics["valid_negative_elbo_curve"]
    assert curve == pytest.approx([130.0, 110.0, 105.5, 104.0, 103.0, 102.5, 102.25])


def test_metrics_are_those_of_the_runs_of_params(params, records):
    content = vae_metrics(params, records)
    assert list(content) == ["l100", "grey", "same", "same_planar"]
    assert content["grey"] == {
        "train_negative_elbo": 102.0,
        "valid_negative_elbo": 103.25,
        "valid_kl": 22.0,
        "test_negative_elbo": 103.875,
        "active_units": 1,
        "collapsed": "no",
    }
    assert set(content["l100"]) == {key for keys in METRICS.values() for key in keys}


def test_a_run_that_went_wrong_has_words(params, records, claims, rows):
    word = artifacts.metric(math.nan)
    records.vae["same"]["likelihood"]["log_p"] = word
    assert vae_metrics(params, records)["same"]["log_p"] == "not finite"
    cells = rows(vae_markdown(vae_table(params, records, claims)))[2]
    assert "not finite" in cells
