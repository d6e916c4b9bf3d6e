"""What the critic's metric tells of the samples."""

import pandas as pd
import pytest

from chapters.made_up import ON_THE_WAY
from regen.chapters.scores import Scores
from regen.chapters.shared import over_seeds
from regen.chapters.trends import course, rank_correlation, strengths, tells_more, trends_table


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0),
        ([1, 2, 3, 4], [9, 8, 7, -1e9], -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 1 - 6 * 2 / (4 * 15)),  # 1 - 6 sum d^2 / (n (n^2 - 1))
        ([1, 2, 3, 4, 5], [5, 1, 4, 2, 3], 1 - 6 * (16 + 1 + 1 + 4 + 4) / (5 * 24)),
        ([1, 2, "not finite", 3], [1, 2, 5, 3], 1.0),
        ([1, 1, 2], [1, 1, 3], 1.0),
        ([1, 2], [1, 2], None),
        ([1, 1, 1, 1], [1, 2, 3, 4], None),
    ],
)
def test_rank_correlations_by_hand(one, other, expected):
    found = rank_correlation(pd.Series(one, dtype=object), pd.Series(other))
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.fixture
def trends(params, scored):
    return trends_table(params, scored).data


def test_metric_distance_and_step_go_together(trends):
    assert trends["run"].tolist() == ["jsd_1", "jsd_3", "w1_2"]
    assert trends["metric_and_step"].tolist() == pytest.approx([0.8, -0.4, -1.0])
    assert trends["distance_and_step"].tolist() == pytest.approx([-1.0, -1.0, -1.0])
    assert trends["metric_and_distance"].tolist() == pytest.approx([-0.8, 0.4, 1.0])


def test_of_several_seeds_the_means_go_together(params):
    """By step the first seed's metric is 1, 2, 3, 4 and the second's 9, 6, 3, 0: the mean falls."""
    seeds = [ON_THE_WAY["jsd_1"].assign(seed=i, metric=m) for i, m in enumerate([[1, 2, 3, 4], [9, 6, 3, 0]])]
    means = over_seeds(pd.concat(seeds, ignore_index=True), "step")
    row = trends_table(params, Scores({}, ON_THE_WAY | {"jsd_1": means})).data.iloc[0]
    assert row[["metric_and_step", "distance_and_step"]].tolist() == pytest.approx([-1.0, -1.0])
    assert row["scores"] == 4


def test_the_metric_that_tells_more_has_the_larger_correlation_whatever_its_sign(trends):
    assert strengths(trends) == pytest.approx({"JSD": 0.6, "W1": 1.0})
    assert tells_more(trends) == "W1"
    assert tells_more(trends.assign(loss=["W1", "JSD", "JSD"])) == "W1"  # 0.8 to 0.7
    assert tells_more(trends.assign(loss=["W1", "W1", "JSD"])) == "JSD"
    assert tells_more(trends[trends["loss"] == "JSD"]) == "not scored"
    assert tells_more(trends.iloc[:0]) == "not scored"


@pytest.mark.parametrize(
    ("correlation", "word"),
    [(0.9, "rises"), (0.3, "settles"), (0.0, "settles"), (-0.3, "settles"), (-0.31, "falls")],
)
def test_what_a_curve_does(correlation, word):
    assert course(correlation) == word


def test_no_course_without_a_correlation():
    assert course(None) == course(float("nan")) == "not scored"
