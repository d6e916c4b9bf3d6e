import math

import numpy as np
import pandas as pd
import pytest
import torch

from depth.small import SETTINGS
from regen.depth.gradients import layers_of
from regen.depth.measure import (
    geometric_mean,
    gradient_table,
    layer_table,
    stack_table,
    stacks_of,
    when_trained,
)
from regen.depth.stacks import Copier


@pytest.fixture(scope="module")
def gradients():
    return gradient_table(SETTINGS, 7)


def test_stacks_of_both_kinds_the_shallowest_first():
    assert list(stacks_of(SETTINGS)) == [("post", 1), ("post", 3), ("pre", 1), ("pre", 3)]


def test_rows_for_each_seed_and_layer(gradients):
    assert len(gradients) == 2 * 3 * (2 + 4)
    assert sorted(gradients["seed"].unique()) == [7, 8, 9]
    mine = gradients[(gradients["norm"] == "pre") & (gradients["depth"] == 3) & (gradients["seed"] == 8)]
    torch.manual_seed(8)
    words = torch.randint(6, (2, 5))
    expected = layers_of(Copier("pre", 3, SETTINGS), words)
    pd.testing.assert_frame_equal(mine[expected.columns].reset_index(drop=True), expected, check_exact=True)


def test_other_depths_and_seeds_change_nothing(gradients):
    alone = gradient_table(SETTINGS.model_copy(update={"depths": [3], "seeds": 2}), 7)
    kept = gradients[(gradients["depth"] == 3) & (gradients["seed"] < 9)].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, kept, check_exact=True)


def test_a_geometric_mean():
    assert geometric_mean(pd.Series([1.0, 2.0, 4.0])) == pytest.approx(2)
    assert geometric_mean(pd.Series([math.nan, 3.0])) == pytest.approx(3)
    assert math.isnan(geometric_mean(pd.Series([math.nan, math.nan])))
    assert geometric_mean(pd.Series([0.0, 3.0])) == 0  # words may be told apart no more


def test_layers_over_the_seeds(gradients):
    table = layer_table(gradients).set_index(["norm", "depth", "layer"])
    assert len(table) == 2 * (2 + 4)
    mine = gradients[(gradients["norm"] == "post") & (gradients["depth"] == 3) & (gradients["layer"] == 2)]
    row = table.loc[("post", 3, 2)]
    for name in ("gradient", "gain", "norm_gain", "norm_lambda", "apart"):
        assert row[name] == pytest.approx(float(np.exp(np.log(mine[name]).mean())))
    assert (row["gradient_least"], row["gradient_most"]) == (mine["gradient"].min(), mine["gradient"].max())
    assert table.loc[("post", 3, 0), ["gain", "norm_gain", "norm_lambda"]].isna().all()


def made_up(norm, depth):
    """Gradients of two seeds that each block multiplies on the way back, by e^0.1 and by e^0.3.

    With a single block it divides them.
    """
    rates = (0.1, 0.3) if depth > 1 else (-0.1, -0.3)
    rows = [
        {"norm": norm, "depth": depth, "seed": seed, "layer": layer, "apart": 0.5**layer}
        | {"gradient": math.exp(each * (depth - layer)), "gain": math.exp(each) if layer else math.nan}
        | {"norm_gain": 0.5 if layer else math.nan, "norm_lambda": (0.25, 1.0)[seed] if layer else math.nan}
        for seed, each in enumerate(rates)
        for layer in range(depth + 1)
    ]
    return pd.DataFrame(rows)


def losses(norm, depth, *last):
    rows = [
        {"norm": norm, "depth": depth, "seed": seed, "step": step, "loss": loss}
        for seed, value in enumerate(last)
        for step, loss in ((10, 9.0), (20, value))
    ]
    return pd.DataFrame(rows)


def test_a_row_a_stack_by_hand():
    stacks = list(stacks_of(SETTINGS))
    table = stack_table(
        pd.concat([made_up(*stack) for stack in stacks], ignore_index=True),
        pd.concat([losses(*stack, 0.5, 0.25) for stack in stacks], ignore_index=True),
        SETTINGS,
    )
    assert list(zip(table["norm"], table["depth"], strict=True)) == stacks
    row = table.iloc[1]
    assert row["slope"] == pytest.approx(0.2)
    assert row["slope_standard_error"] == pytest.approx(0.1)  # half the distance of two
    assert row["input_gradient"] == pytest.approx(math.exp(0.6))
    assert row["least_gradient"] == 1
    assert table.iloc[0]["least_gradient"] == pytest.approx(math.exp(-0.2))
    assert row["gain"] == pytest.approx(math.exp(0.2))
    assert row["norm_gain"] == pytest.approx(0.5)
    assert row["norm_lambda"] == pytest.approx(0.5)
    assert row["apart"] == pytest.approx(1 / 8)
    assert row["loss"] == pytest.approx(0.375)
    assert row["trains"] == "yes"


@pytest.mark.parametrize(
    ("last", "trains"),
    [((0.49, 0.1), "yes"), ((0.49, 0.51), "some seeds"), ((0.51, 1.0), "no"), ((0.5,), "no")],
)
def test_which_stacks_train(last, trains):
    """Below half of the loss of guessing, with every seed."""
    guessing = math.log(6)
    found = when_trained(losses("post", 1, *(share * guessing for share in last)), 6)
    assert found["trains"] == trains
    assert found["loss"] == pytest.approx(sum(last) / len(last) * guessing)
