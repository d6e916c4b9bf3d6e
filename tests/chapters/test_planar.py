import math

import pandas as pd
import pytest

from chapters.made_up import MAPS, planar_scores
from regen.chapters import planar
from regen.report.claims import Claim, Claims

DEVIATION = 0.5 / math.sqrt(2)
"""Of two values that are half apart."""
CLAIMS = Claims((Claim("h", "src", "loss", 3.5, "planar_arcs_2"),))
RUNS = [f"{prefix}_{t}_{k}" for prefix in ("planar", "density") for t in ("arcs", "sine") for k in (2, 8)]


@pytest.fixture
def chapter(recorded):
    return planar.chapter(recorded, CLAIMS)


@pytest.fixture
def flows(chapter):
    return pd.concat([table.data for table in chapter.tables[:2]]).set_index("run")


def test_a_row_a_run_from_samples_first_then_target_and_depth(flows):
    assert flows.index.tolist() == RUNS
    assert set(flows["seeds"]) == {2}


def test_means_and_deviations_by_hand(flows):
    row = flows.loc["planar_arcs_2"]
    assert row[["loss", "nll"]].tolist() == pytest.approx([3.5, 4.5])
    assert row[["loss_deviation", "nll_deviation"]].tolist() == pytest.approx([DEVIATION, DEVIATION])
    assert row[["kl", "kl_deviation", "kl_up_to_constant"]].isna().all()
    assert row["report"] == 3.5
    assert flows["report"].notna().sum() == 1
    arcs, sine = (flows.loc[f"density_{target}_8"] for target in ("arcs", "sine"))
    assert arcs[["kl_up_to_constant", "kl", "effective_sample_share"]].tolist() == pytest.approx(
        [0.125, 2.125, 0.5]
    )
    assert math.isnan(sine["kl"])  # no normaliser


def test_runs_for_readers(chapter):
    samples, density = (table.rows for table in chapter.tables[:2])
    assert samples[0] == ["planar_arcs_2", "2", "3.500 ± 0.354", "4.500 ± 0.354", "3.5000", "2"]
    assert samples[1] == ["planar_arcs_8", "8", "3.125 ± 0.354", "4.125 ± 0.354", "", "2"]
    assert density[0] == ["density_arcs_2", "2", "0.500 ± 0.354", "2.500 ± 0.354", "0.500 ± 0.354", "2"]
    assert density[2][:4] == ["density_sine_2", "2", "0.500 ± 0.354", ""]


def test_one_seed_has_no_deviation():
    flows = planar.flows_scores(planar_scores(2)[::2], CLAIMS)
    assert flows[[f"{name}_deviation" for name in planar.SCORES]].isna().all(axis=None)
    assert planar.flows_tables(flows)[0].rows[0][:4] == ["planar_arcs_2", "2", "3.250", "4.250"]


def test_single_maps_for_readers():
    small, two, one = planar.maps_table(MAPS).rows
    assert small == ["0", "0.01", "0", "yes", "0.0123", "0.45", "unchanged"]
    assert two == ["10", "100", "0", "", "12.50", "0.43", "two groups"]
    assert one == ["50", "100", "10", "", "60", "0", "one group"]


@pytest.mark.parametrize(
    ("verdicts", "large"),
    [
        (["unchanged", "two groups", "two groups"], ["two groups"]),
        (["unchanged", "bent", "two groups"], ["bent: 1", "two groups: 1"]),
    ],
)
def test_one_word_where_all_large_maps_do_the_same(verdicts, large):
    facts = planar.maps_facts(MAPS.assign(verdict=verdicts))
    assert facts["small"] == "unchanged"
    assert sorted(facts["large"].split(", ")) == large


def test_what_claims_may_ask_for(chapter):
    assert list(chapter.facts) == [*RUNS, "maps"]
    assert chapter.facts["planar_arcs_2"].settings == {"points": "generated", "iterations": 70}
    assert chapter.facts["planar_arcs_2"].metrics["loss"] == 3.5


def test_metrics(chapter):
    assert list(chapter.metrics) == RUNS
    assert chapter.metrics["planar_sine_8"] == {"loss": 3.125, "nll": 4.125}
    assert chapter.metrics["density_sine_8"] == {"kl_up_to_constant": 0.125, "effective_sample_share": 0.5}
