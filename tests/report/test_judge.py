"""Verdicts on figures, words, curves and orders."""

import math

import pytest

from regen.errors import InputError
from regen.report.claims import COLUMNS, Claim, Claims, Facts, judge

NAMES = [column.key for column in COLUMNS]


def claim(name, run, metric, expected, tolerance=0.0, given=None, **more):
    return Claim(name, "src", metric, expected, run, tolerance=tolerance, given=given or {}, **more)


@pytest.fixture
def facts():
    settings = {"data": "digits", "epochs": 7}
    return {
        "r": Facts(settings, {"log_p": -99.125, "curve": [9.0, 5.0, 4.0, 4.0], "word": "falls"}),
        "s": Facts(settings | {"epochs": 8}, {"log_p": -98.0, "word": "does not fall"}),
        "bad": Facts({}, {"log_p": "not finite"}),
    }


def verdict(facts, *claims, **more):
    """Return the rows of the verdicts, without id and description."""
    return judge(Claims(claims), facts, **more)[["report", "ours", "verdict"]].to_numpy().tolist()


@pytest.mark.parametrize(
    ("expected", "tolerance", "word"),
    [
        (-99.125, 0.0, "agrees"),
        (-99.25, 0.125, "agrees"),
        (-99.0, 0.125, "agrees"),
        (-99.25, 0.1, "differs"),
        (-99.0, 0.1, "differs"),
    ],
)
def test_a_figure_may_be_off_by_the_tolerance_both_ways(facts, expected, tolerance, word):
    assert verdict(facts, claim("a", "r", "log_p", expected, tolerance)) == [[expected, -99.125, word]]


def test_a_mark_follows_the_verdicts_on_its_run(facts):
    order = Claim("c", "src", "log_p", runs=["r", "s"])
    claims = Claims((claim("a", "r", "log_p", -99.125), claim("b", "s", "log_p", -98.0), order))
    marked = judge(claims, facts, marks={"s": " (copy)"})
    assert marked["verdict"].tolist() == ["agrees", "agrees (copy)", "agrees (copy)"]


@pytest.mark.parametrize(("limit", "word"), [(-99.0, "agrees"), (-99.125, "agrees"), (-99.25, "differs")])
def test_a_limit_may_be_undercut(facts, limit, word):
    assert verdict(facts, claim("a", "r", "log_p", limit, at_most=True)) == [[limit, -99.125, word]]


@pytest.mark.parametrize(("expected", "word"), [("falls", "agrees"), ("does not fall", "differs")])
def test_a_word_is_the_same_or_not(facts, expected, word):
    assert verdict(facts, claim("a", "r", "word", expected)) == [[expected, "falls", word]]


def test_a_figure_that_is_not_finite_differs(facts):
    assert verdict(facts, claim("a", "bad", "log_p", -99.0, 1e9)) == [[-99.0, "not finite", "differs"]]
    assert verdict(facts, claim("a", "bad", "log_p", "not finite")) == [
        ["not finite", "not finite", "agrees"]
    ]


@pytest.mark.parametrize(
    ("expected", "tolerance", "row"),
    [
        ([8.5, 5.25, 4.0, 4.0], 0.5, [8.5, 9.0, "agrees"]),
        ([9.0, 5.0, 2.0, 4.5], 1.9, [2.0, 4.0, "differs"]),
        ([9.0, 6.0], 1.0, [6.0, 5.0, "agrees"]),  # the report's is shorter
        ([9.0, 5.0, 4.0, 3.0, 99.0], 1.0, [3.0, 4.0, "agrees"]),  # ours is
    ],
)
def test_a_curve_is_compared_where_it_is_furthest_away(facts, expected, tolerance, row):
    assert verdict(facts, claim("a", "r", "curve", expected, tolerance)) == [row]


@pytest.mark.parametrize(
    ("runs", "better", "ours", "word"),
    [
        (["s", "r"], "higher", "s (-98.00), r (-99.12)", "agrees"),
        (["r", "s"], "higher", "s (-98.00), r (-99.12)", "differs"),
        (["r", "s"], "lower", "r (-99.12), s (-98.00)", "agrees"),
        (["s", "r"], "lower", "r (-99.12), s (-98.00)", "differs"),
        (["r", "bad"], "lower", "not finite", "differs"),
    ],
)
def test_an_order_is_best_first(facts, runs, better, ours, word):
    order = Claim("a", "src", "log_p", runs=runs, better=better)
    assert verdict(facts, order) == [[", ".join(runs), ours, word]]


def test_columns_say_which_values_are_better_unless_the_claim_does(facts):
    plain, own = (Claim("a", "src", "log_p", runs=["s", "r"], better=better) for better in (None, "lower"))
    assert verdict(facts, plain, better={"log_p": "higher"})[0][2] == "agrees"
    assert verdict(facts, plain)[0][2] == "differs"
    assert verdict(facts, own, better={"log_p": "higher"})[0][2] == "differs"


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "agrees"),
        ({"data": "digits", "epochs": 7}, "agrees"),
        ({"data": "mnist"}, "other data"),
        ({"data": "digits", "epochs": 20}, "other epochs"),
        ({"epochs": 20, "data": "mnist"}, "other epochs"),  # the first that is named
    ],
)
def test_a_figure_made_with_other_settings_gets_no_verdict(facts, given, word):
    assert verdict(facts, claim("a", "r", "log_p", -99.125, 0.5, given))[0][2] == word


def test_what_is_given_holds_for_every_run_of_an_order(facts):
    order = Claim("a", "src", "log_p", runs=["r", "s"], given={"epochs": 7})
    assert verdict(facts, order)[0][2] == "other epochs"


def test_words_in_the_verdict_have_no_underscores(facts):
    facts["r"] = Facts({"importance_samples": 5}, {"log_p": -99.0})
    made_with = claim("a", "r", "log_p", -99.0, 0.5, {"importance_samples": 200})
    assert verdict(facts, made_with)[0][2] == "other importance samples"


def test_claims_on_runs_that_are_not_ours_are_left_out(facts):
    order = Claim("b", "src", "log_p", runs=["r", "t"])
    claims = Claims((claim("a", "t", "log_p", -1.0), order, claim("c", "s", "log_p", -98.0)))
    assert judge(claims, facts)["claim"].tolist() == ["c"]


def test_none_at_all(facts):
    table = judge(Claims(()), facts)
    assert table.empty
    assert list(table.columns) == NAMES


def test_the_row(facts):
    table = judge(Claims((claim("a", "r", "log_p", -99.0, 0.2, what="log p"),)), facts)
    assert list(table.columns) == NAMES
    assert table.iloc[0].tolist() == ["a", "log p", -99.0, -99.125, 0.2, "agrees"]


@pytest.mark.parametrize("odd", [claim("a", "r", "log_q", 1.0), Claim("a", "s", "log_q", runs=["r", "s"])])
def test_a_metric_that_there_is_not_is_named(facts, odd):
    with pytest.raises(InputError, match=r"claims.yaml: a: 'log_q' is no metric of .*r"):
        judge(Claims((odd,)), facts)


def test_a_tolerance_of_none_is_not_shown(facts):
    table = judge(Claims((claim("a", "r", "word", "falls"), claim("b", "r", "log_p", -99.0, 0.2))), facts)
    assert math.isnan(table["tolerance"][0])
