"""What the critic's metric tells of the samples."""

import math

import pandas as pd
import pytest

from chapters.made_up import ON_THE_WAY
from regen.chapters.scores import Scores
from regen.chapters.trends import (
    UNSEEN,
    accord,
    calms,
    course,
    courses,
    rank_at_end,
    rank_correlation,
    remarks,
    tells_more,
    trends_table,
    with_intervals,
    without_interval,
)


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


def test_of_several_seeds_the_correlations_are_averaged(params):
    """The first seed's metric rises, the second's falls, and so does the mean of the two."""
    seeds = [ON_THE_WAY["jsd_1"].assign(seed=i, metric=m) for i, m in enumerate([[1, 2, 3, 4], [9, 6, 3, 0]])]
    both = pd.concat(seeds, ignore_index=True)
    row = trends_table(params, Scores({}, ON_THE_WAY | {"jsd_1": both})).data.iloc[0]
    assert row[["metric_and_step", "distance_and_step", "metric_and_distance"]].tolist() == [0.0, -1.0, 0.0]
    assert row["metric_and_step_deviation"] == pytest.approx(2**0.5)
    assert row["distance_and_step_deviation"] == 0.0
    assert row[["scores", "seeds"]].tolist() == [4, 2]
    stuck = pd.concat([seeds[0], seeds[1].assign(metric=1.0)])
    assert pd.isna(trends_table(params, Scores({}, ON_THE_WAY | {"jsd_1": stuck})).data["metric_and_step"][0])


def runs(*rows):
    names = ("loss", "metric_and_distance", "metric_and_distance_deviation")
    return pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows]).assign(scores=10, seeds=4)


NAN = float("nan")


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ([("JSD", -1.0, NAN), ("W1", 1.0, NAN)], "W1"),  # what the report has seen
        ([("JSD", 0.3, NAN), ("JSD", -0.3, NAN), ("W1", 0.1, NAN)], "W1"),  # 0 to 0.1
        ([("JSD", 0.4, NAN), ("W1", -1.0, NAN), ("W1", 1.0, NAN)], "JSD"),  # 0.4 to 0
        ([("JSD", 0.6, 0.3), ("W1", 1.0, NAN)], "W1"),  # by 0.4 ± 0.3
        ([("JSD", 0.6, 0.3), ("W1", 1.0, 0.4)], "undecided"),  # by 0.4 ± 0.5
        ([("JSD", 0.6, 0.3), ("JSD", 0.6, 0.3), ("W1", 1.0, 0.3)], "W1"),  # by 0.4 ± 0.37
        ([("JSD", 0.6, NAN), ("W1", 1.0, NAN), ("W1", NAN, NAN)], "not scored"),
        ([("JSD", 0.6, NAN), ("non-saturating", 1.0, NAN)], "not scored"),
    ],
)
def test_the_metric_that_tells_more_has_surely_the_larger_correlation(rows, word, monkeypatch):
    monkeypatch.setattr("regen.chapters.trends.SEVERAL", 1)
    assert tells_more(runs(*rows)) == word
    assert tells_more(runs(*rows).assign(scores=7)) == "not scored"


def test_of_one_seed_there_is_no_margin_to_be_beyond():
    rows = runs(("JSD", -1.0, NAN), ("JSD", -1.0, NAN), ("W1", 1.0, 0.0), ("W1", 1.0, 0.0))
    assert tells_more(rows) == "W1"
    assert tells_more(rows.assign(seeds=1)) == "undecided"


def test_a_run_of_one_seed_is_taken_to_vary_as_the_one_that_varies_most():
    rows = runs(("JSD", 0.5, NAN), ("JSD", 0.5, 0.0), ("W1", 1.0, 0.4), ("W1", 1.0, 0.0))
    alone = rows.assign(seeds=[1, 4, 4, 4])
    assert with_intervals(alone)["metric_and_distance_deviation"].tolist() == [0.4, 0.0, 0.4, 0.0]
    assert tells_more(alone) == "W1"  # by 0.5 ± hypot(0.8, 0.4) / 2
    assert tells_more(alone.assign(metric_and_distance=[0.6, 0.6, 1.0, 1.0])) == "undecided"
    assert tells_more(alone.drop(columns="metric_and_distance_deviation")) == "W1"  # of several, all alike


def test_a_single_run_does_not_tell_of_its_loss():
    several = [("JSD", 0.6, NAN), ("JSD", 0.5, NAN), ("W1", 1.0, NAN), ("W1", 0.9, NAN)]
    assert tells_more(runs(*several)) == "W1"
    assert tells_more(runs(*several[:3])) == tells_more(runs(*several[1:])) == "not scored"


def test_how_a_loss_goes_with_the_distance_is_the_mean_over_its_runs():
    assert accord(runs(("W1", -0.8, 0.3), ("W1", 0.4, 0.4)), "W1") == pytest.approx((-0.2, 0.25))
    assert accord(runs(("W1", -0.8, 0.3)), "JSD") is None


@pytest.mark.parametrize(
    ("scores", "seeds", "remark"),
    [
        (7, 1, "Fewer than 8 scores on the way."),
        (7, 2, "Fewer than 8 scores on the way."),
        (8, 1, "One seed: no interval."),
        (8, 2, None),
    ],
)
def test_what_is_said_of_few_scores_and_of_one_seed(scores, seeds, remark):
    found = remarks(pd.Series({"scores": scores, "seeds": seeds}))
    assert found == ({} if remark is None else dict.fromkeys(UNSEEN, remark))


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.9, 0.9, "rises"),
        (0.31, 1.0, "rises"),
        (0.3, 0.3, "settles"),
        (-0.3, 0.1, "settles"),
        (-0.9, -0.31, "falls"),
        (0.2, 0.9, "undecided"),
        (-0.9, 0.0, "undecided"),
    ],
)
def test_what_a_curve_does(low, high, word):
    assert course((low, high)) == word


@pytest.mark.parametrize(
    ("metric", "deviation", "trends", "metric_trend"),
    [
        (0.9, NAN, "metric rises, distance falls", "rises"),
        (-0.9, 0.2, "metric falls, distance falls", "falls or settles"),
        (-0.4, 0.6, "undecided", "falls or settles"),  # falls or settles, surely
        (0.4, 0.6, "undecided", "undecided"),
        (NAN, NAN, "not scored", "not scored"),
    ],
)
def test_what_is_told_holds_for_the_whole_interval_over_seeds(metric, deviation, trends, metric_trend):
    row = pd.Series({"metric_and_step": metric, "metric_and_step_deviation": deviation, "seeds": 4})
    found = courses(
        pd.concat([row, pd.Series({"distance_and_step": -0.8, "metric_at_end": 0.5, "scores": 8})])
    )
    assert found == {"trends": trends, "metric_trend": metric_trend, "distance_trend": "falls"}


def test_few_scores_tell_nothing(trends):
    assert set(courses(trends.iloc[0]).values()) == {"not scored"}
    assert set(courses(trends.iloc[0].replace({4: 8})).values()) != {"not scored"}


def test_no_course_without_a_correlation():
    assert course(None) == "not scored"


FALLS_AND_RISES = [10.0, 7.5, 6.0, 4.5, 3.0, 2.7, 5.0, 7.0, 9.5, 12.0]


@pytest.mark.parametrize(
    ("curve", "rank"),
    [
        (FALLS_AND_RISES, (5 + 7 + 9) / 9 / 3),
        (range(8, 0, -1), 0.5 / 7),
        ([1.0, math.nan, 3.0, 2.0], 0.5),
        ([2.0, 2.0, 2.0, 2.0], None),
        ([1.0, 2.0], None),
    ],
)
def test_the_rank_at_the_end_is_the_last_quarter_s(curve, rank):
    assert rank_at_end(pd.Series(curve)) == (rank if rank is None else pytest.approx(rank))


def test_what_falls_and_rises_as_far_does_not_settle():
    curve = pd.DataFrame({"step": range(10), "metric": FALLS_AND_RISES})
    correlation = rank_correlation(curve["metric"], curve["step"])
    assert abs(correlation) < 0.3
    end = rank_at_end(curve["metric"])
    row = pd.Series({"metric_and_step": correlation, "metric_at_end": end, "scores": 10, "seeds": 1})
    assert calms(row) == "ends high"
    assert calms(row.replace({end: 0.7})) == "falls or settles"
    assert calms(pd.concat([row, pd.Series({"metric_at_end_deviation": 0.2})]).replace({1: 4})) == "undecided"


def test_runs_of_one_seed_are_named():
    rows = pd.DataFrame({"run": ["a", "b", "c"], "seeds": [1, 2, 1]})
    assert without_interval(rows) == "Of one seed: a, c."
    assert without_interval(rows[1:2]) == ""
