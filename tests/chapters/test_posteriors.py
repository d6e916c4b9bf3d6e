import pandas as pd
import pytest

from chapters.made_up import RUN, SEEDS
from regen.chapters.posteriors import posterior_table, twins


def test_differences_by_hand():
    """Seeds 1 and 2 are in both: ELBO +1, +2; log p +0.5, +0.5; gap 4.5 - 5 and 4.5 - 6."""
    paired = posterior_table("same_planar", SEEDS["same"], SEEDS["same_planar"]).data
    assert paired["score"].tolist() == ["ELBO", "log p(x)", "gap"]
    assert paired["difference"].tolist() == pytest.approx([1.5, 0.5, -1.0])
    # of two values a and b the standard deviation is |a - b| / sqrt 2, the mean's error |a - b| / 2
    assert paired["standard_error"].tolist() == pytest.approx([0.5, 0.0, 0.5])
    assert paired["pairs"].tolist() == [2, 2, 2]
    assert paired["gaussian"].tolist() == pytest.approx([-101.0, -95.5, 5.5])
    assert paired["planar"].tolist() == pytest.approx([-99.0, -14 / 3 - 90, 99 - 14 / 3 - 90])


@pytest.mark.parametrize(("seeds", "pairs", "difference"), [([1], 1, "1"), ([9], 0, "")])
def test_too_few_pairs_for_an_error(seeds, pairs, difference):
    planar = pd.DataFrame({"seed": seeds, "log_p": -94.5, "elbo": -99.0})
    table = posterior_table("one", SEEDS["same"], planar)
    assert table.data["standard_error"].isna().all()
    assert table.rows[0] == ["ELBO", "-101", "-99", difference, "", str(pairs)]


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
        ({"decoder": [8, 8]}, []),
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


def test_a_planar_run_has_one_twin_that_with_the_most_seeds_in_common(params):
    more = {"more": params.vae["same"].model_copy(update={"seeds": [4, 5, 6]})}
    assert twins(params.model_copy(update={"vae": more | params.vae})) == [("same", "same_planar")]
    assert twins(params.model_copy(update={"vae": params.vae | more})) == [("same", "same_planar")]


def test_intensities_have_no_log_p_to_compare(params):
    a = params.vae["grey"]
    b = a.model_copy(update={"planar_layers": 8})
    assert twins(params.model_copy(update={"vae": {"a": a, "b": b}})) == []
