import math

import pandas as pd
import pytest

from chapters.made_up import planar_scores
from regen.chapters.flow import (
    SCORES,
    flow_facts,
    flow_metrics,
    maps_markdown,
    planar_markdown,
    planar_table,
    realnvp_markdown,
    realnvp_table,
)

DEVIATION = 0.5 / math.sqrt(2)
"""Of two values that are half apart."""


def test_a_row_a_run_from_samples_first_then_target_and_depth(planar):
    assert planar["run"].tolist() == [
        f"{prefix}_{target}_{layers}"
        for prefix in ("planar", "density")
        for target in ("arcs", "sine")
        for layers in (2, 8)
    ]
    assert set(planar["seeds"]) == {2}


def test_means_and_deviations_by_hand(planar):
    row = planar.set_index("run").loc["planar_arcs_2"]
    assert row[["loss", "nll"]].tolist() == pytest.approx([3.5, 4.5])
    assert row[["loss_deviation", "nll_deviation"]].tolist() == pytest.approx([DEVIATION, DEVIATION])
    assert row[["kl", "kl_deviation", "kl_up_to_constant"]].isna().all()
    assert row["report"] == 3.5
    assert planar["report"].notna().sum() == 1
    arcs, sine = (planar.set_index("run").loc[f"density_{target}_8"] for target in ("arcs", "sine"))
    assert arcs[["kl_up_to_constant", "kl", "effective_sample_share"]].tolist() == pytest.approx(
        [0.125, 2.125, 0.5]
    )
    assert math.isnan(sine["kl"])  # no normaliser


def test_runs_for_readers(planar, rows):
    samples, density = (rows(planar_markdown(planar, source)) for source in ("samples", "density"))
    assert samples[0] == ["planar_arcs_2", "2", "3.500 ± 0.354", "4.500 ± 0.354", "3.5000", "2"]
    assert samples[1] == ["planar_arcs_8", "8", "3.125 ± 0.354", "4.125 ± 0.354", "", "2"]
    assert density[0] == ["density_arcs_2", "2", "0.500 ± 0.354", "2.500 ± 0.354", "0.500 ± 0.354", "2"]
    assert density[2][:4] == ["density_sine_2", "2", "0.500 ± 0.354", ""]


def test_one_seed_has_no_deviation(claims, rows):
    table = planar_table(pd.DataFrame(planar_scores(2)[::2]), claims)
    assert table[[f"{name}_deviation" for name in SCORES]].isna().all(axis=None)
    assert rows(planar_markdown(table, "samples"))[0][:4] == ["planar_arcs_2", "2", "3.250", "4.250"]


def test_single_maps_for_readers(records, rows):
    small, two, one = rows(maps_markdown(records.maps))
    assert small == ["0", "0.01", "0", "yes", "0.0123", "0.45", "unchanged"]
    assert two == ["10", "100", "0", "", "12.50", "0.43", "two groups"]
    assert one == ["50", "100", "10", "", "60", "0", "one group"]


@pytest.mark.parametrize(
    ("verdicts", "large"),
    [
        (["unchanged", "two groups", "two groups"], "two groups"),
        (["unchanged", "bent", "two groups"], None),
        (["unchanged", "one group", "one group"], "one group"),
    ],
)
def test_one_word_where_all_large_maps_do_the_same(params, records, planar, verdicts, large):
    records.maps["verdict"] = verdicts
    facts = flow_facts(params, records, planar)["maps"].metrics
    assert facts["small"] == "unchanged"
    assert facts["large"] == (large or facts["large"])
    assert large or sorted(facts["large"].split(", ")) == ["bent: 1", "two groups: 1"]


def test_realnvp_for_readers(params, records, claims, rows):
    (row,) = rows(realnvp_markdown(realnvp_table(params, records, claims)))
    assert row == ["rnvp", "digits", "3", "2.38", "2.50", "2.750 ± 0.050", "0.000244", "mnist"]


def test_what_claims_may_ask_for(params, records, planar):
    facts = flow_facts(params, records, planar)
    assert set(facts) == {*planar["run"], "rnvp", "maps"}
    assert facts["planar_arcs_2"].settings == {"points": "generated", "iterations": 70}
    assert facts["planar_arcs_2"].metrics["loss"] == 3.5
    assert facts["rnvp"].settings == {"data": "digits", "epochs": 3}
    assert facts["rnvp"].metrics["test_bits_per_dimension"] == 2.75


@pytest.mark.parametrize(
    ("bits", "word"),
    [([3.5, 3.75, 2.5], "falls"), ([3.5, 2.0, 3.5], "does not fall"), ([3.5], "does not fall")],
)
def test_progress_is_the_last_epoch_against_the_first(params, records, planar, bits, word):
    records.histories["rnvp"] = pd.DataFrame({"valid_bits_per_dimension": bits})
    assert flow_facts(params, records, planar)["rnvp"].metrics["progress"] == word


def test_metrics(params, records, planar):
    content = flow_metrics(params, records, planar)
    assert list(content) == [*planar["run"], "rnvp"]
    assert content["planar_sine_8"] == {"loss": 3.125, "nll": 4.125}
    assert content["density_sine_8"] == {"kl_up_to_constant": 0.125, "effective_sample_share": 0.5}
    assert content["rnvp"] == {
        "train_bits_per_dimension": 2.375,
        "valid_bits_per_dimension": 2.5,
        "test_bits_per_dimension": 2.75,
        "reconstruction_error": 0.000244,
    }
    assert all(math.isfinite(value) for each in content.values() for value in each.values())
