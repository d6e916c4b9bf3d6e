import re

import pandas as pd
import pytest

from chapters.made_up import write
from regen import artifacts
from regen.chapters import depth

COMMON = {"least_gradient": 0.25, "norm_gain": 0.5, "norm_lambda": 0.5}
STACKS = pd.DataFrame(
    {"norm": norm, "depth": blocks, "slope": slope, "slope_standard_error": error, "input_gradient": 1.5}
    | COMMON
    | {"gain": 1.0625, "apart": 0.125 / blocks, "loss": loss, "trains": trains}
    for norm, blocks, slope, error, loss, trains in (
        ("post", 2, 0.05, 0.01, 0.25, "yes"),
        ("post", 3, -0.21, 0.1, 2.75, "some seeds"),
        ("pre", 2, 0.1, 0.01, 0.125, "yes"),
        ("pre", 3, 0.21, 0.1, 0.0625, "no"),
    )
)
FILES = {artifacts.depth_table_file("stacks"): STACKS}


@pytest.fixture
def chapter(params):
    write(FILES)
    return depth.chapter(params)


def test_a_row_a_stack(chapter):
    found = chapter.tables[0].rows
    assert found[1][:5] == ["post-norm", "3", "-0.210 ± 0.100", "1.50", "0.25"]
    assert found[1][5:] == ["1.062", "0.500", "0.500", "0.0417", "2.750", "some seeds"]
    assert [row[0] for row in found] == ["post-norm", "post-norm", "pre-norm", "pre-norm"]
    pd.testing.assert_frame_equal(chapter.tables[0].data, STACKS)


def test_a_gradient_shrinks_if_its_slope_is_below_0_by_two_standard_errors(chapter, params):
    facts = chapter.facts["depth"]
    assert facts.metrics == {"gradients": "post-norm shrinks, pre-norm does not shrink"}
    assert facts.settings == {"depth": max(params.depth.depths)}


@pytest.mark.parametrize(
    ("post", "pre", "verdict"),
    [
        (-0.21, 0.21, "post-norm shrinks, pre-norm does not shrink"),
        (0.3, 0.3, "post-norm does not shrink, pre-norm does not shrink"),
        (-0.3, -0.3, "post-norm shrinks, pre-norm shrinks"),
    ],
)
def test_the_deepest_stacks_are_judged(params, post, pre, verdict):
    """Whatever the others do."""
    write({artifacts.depth_table_file("stacks"): STACKS.assign(slope=[9.0, post, 9.0, pre])})
    facts = depth.chapter(params).facts["depth"]
    assert facts.metrics["gradients"] == verdict
    words = ["does not shrink" if "does not shrink" in each else "shrinks" for each in verdict.split(", ")]
    assert re.findall("it (shrinks|does not shrink) towards", facts.told["gradients"]) == words


@pytest.mark.parametrize(("post", "pre"), [(-0.19, 0.3), (-0.3, 0.19), (0.0, 0.0)])
def test_a_slope_that_may_be_either_is_undecided(params, post, pre):
    """By two standard errors, 0.2."""
    write({artifacts.depth_table_file("stacks"): STACKS.assign(slope=[9.0, post, 9.0, pre])})
    facts = depth.chapter(params).facts["depth"]
    assert facts.metrics["gradients"] == "undecided"
    assert "it is undecided whether it shrinks towards the input" in facts.told["gradients"]


def test_the_numbers_behind_it(chapter):
    said = chapter.facts["depth"].told["gradients"]
    assert "Post-norm with 3 blocks: λ is 0.500, and λ^3 = 0.125; the whole block, with" in said
    assert "Pre-norm with 3 blocks: λ is 0.500; the whole block, with the derivative of A, has a gain" in said
    assert (
        "the gradient is 1.50 at the input and 0.25 at its smallest. With a slope of -0.210 ± 0.100" in said
    )


def test_which_depths_train(chapter):
    said = (
        "Post-norm trains with 2 blocks, with some seeds with 3; pre-norm trains with 2 blocks, and not with "
        "3, where at the start 0.0417 of the last state tells the words apart."
    )
    assert chapter.facts["depth"].told["gradients"].endswith(said)


def test_where_no_depth_trains(params):
    write({artifacts.depth_table_file("stacks"): STACKS.assign(trains="no")})
    said = depth.chapter(params).facts["depth"].told["gradients"]
    assert "Post-norm trains at no depth with every seed, and not with 2, 3, where" in said


def test_metrics_follow_the_deepest(chapter):
    assert chapter.metrics == {
        "depth": {
            "post_slope": -0.21,
            "post_norm_lambda": 0.5,
            "post_loss": 2.75,
            "pre_slope": 0.21,
            "pre_norm_lambda": 0.5,
            "pre_loss": 0.0625,
        }
    }
