"""Verdicts on figures, words, curves and orders, and how sure they are."""

import math

import pytest

from regen.errors import InputError
from regen.report.claims import Claim, Claims, Facts
from regen.report.judge import judge


def claim(name, run, metric, expected, tolerance=0.0, given=None, **more):
    return Claim(name, "src", metric, expected, run, tolerance=tolerance, given=given or {}, **more)


@pytest.fixture
def facts():
    settings = {"data": "digits", "epochs": 7}
    return {
        "r": Facts(settings, {"log_p": -99.125, "curve": [9.0, 5.0, 4.0, 4.0], "word": "falls"}),
        "s": Facts(settings | {"epochs": 8}, {"log_p": -98.0, "word": "does not fall"}),
        "bad": Facts({}, {"log_p": "not finite", "curve": [1.0, math.nan]}),
        "none": Facts({}, {"log_p": "not scored"}),
    }


def seeds(value, error, of=4):
    """Facts on a mean over `of` seeds with this standard error."""
    return Facts({}, {"x": value, "x_deviation": error * math.sqrt(of), "seeds": of})


def verdict(facts, *claims, **more):
    """Return the report's figure, ours and the verdict of each claim."""
    return [[one.expected, one.ours, one.verdict] for one in judge(Claims(claims), facts, **more)]


def one(facts, of):
    (judged,) = judge(Claims((of,)), facts)
    return judged


# ---- without an interval ---------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("limit", "word"), [(-99.0, "agrees"), (-99.125, "agrees"), (-99.25, "differs")])
def test_a_limit_may_be_undercut(facts, limit, word):
    assert verdict(facts, claim("a", "r", "log_p", limit, at_most=True)) == [[limit, -99.125, word]]


@pytest.mark.parametrize(("expected", "word"), [("falls", "agrees"), ("does not fall", "differs")])
def test_a_word_is_the_same_or_not(facts, expected, word):
    assert verdict(facts, claim("a", "r", "word", expected)) == [[expected, "falls", word]]


def test_a_word_of_ours_may_mean_what_the_report_says(facts):
    assert verdict(facts, claim("a", "r", "word", "goes down", same=["falls"])) == [
        ["goes down", "falls", "agrees"]
    ]
    assert verdict(facts, claim("a", "s", "word", "goes down", same=["falls"]))[0][2] == "differs"


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


def test_a_curve_that_is_not_finite_differs(facts):
    judged = one(facts, claim("a", "bad", "curve", [1.0, 2.0], 9.0))
    assert (judged.ours, judged.verdict) == ("not finite", "differs")


@pytest.mark.parametrize(
    ("runs", "better", "ours", "word"),
    [
        (["s", "r"], "higher", "s (-98.00), r (-99.12)", "agrees"),
        (["r", "s"], "higher", "s (-98.00), r (-99.12)", "differs"),
        (["r", "s"], "lower", "r (-99.12), s (-98.00)", "agrees"),
        (["s", "r"], "lower", "r (-99.12), s (-98.00)", "differs"),
        (["r", "bad"], "lower", "not finite", "differs"),
        (["r", "none"], "lower", "not scored", "not scored"),
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


# ---- with one --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "error", "word"),
    [
        (10.0, 0.25, "agrees"),  # up to 0.5 away, at the end of the interval
        (10.5, 0.25, "agrees"),
        (9.5, 0.25, "agrees"),
        (10.625, 0.25, "undecided"),
        (9.375, 0.25, "undecided"),
        (11.5, 0.25, "undecided"),
        (11.75, 0.25, "differs"),
        (8.25, 0.25, "differs"),
        (10.0, 0.75, "undecided"),  # too noisy to tell, right in the middle
    ],
)
def test_a_figure_agrees_if_all_of_its_interval_does(ours, error, word):
    judged = one({"r": seeds(ours, error)}, claim("a", "r", "x", 10.0, 1.0))
    assert (judged.verdict, judged.error) == (word, error)


@pytest.mark.parametrize(
    ("ours", "word"), [(-50.0, "agrees"), (9.5, "agrees"), (9.75, "undecided"), (10.75, "differs")]
)
def test_a_limit_is_one_sided(ours, word):
    assert one({"r": seeds(ours, 0.25)}, claim("a", "r", "x", 10.0, at_most=True)).verdict == word


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([1.0, 2.0, 3.0], "agrees"),
        ([1.0, 1.5, 3.0], "undecided"),  # 0.5 of 0.707, two standard errors of the difference
        ([1.5, 1.0, 3.0], "undecided"),
        ([1.0, 3.0, 2.0], "differs"),
        ([3.0, 1.0, 1.25], "differs"),
    ],
)
def test_an_order_has_to_hold_by_two_standard_errors_of_each_difference(values, word):
    facts = {name: seeds(value, 0.25) for name, value in zip("abc", values, strict=True)}
    assert one(facts, Claim("o", "src", "x", runs=["a", "b", "c"])).verdict == word
    assert one(facts, Claim("o", "src", "x", runs=["c", "b", "a"], better="higher")).verdict == word


@pytest.mark.parametrize(
    ("runs", "word"),
    [
        (["a", "c"], "agrees"),  # by 1 ± 0.5
        (["c", "a"], "differs"),
        (["b", "c"], "undecided"),  # by 1 ± 18
        (["c", "b"], "undecided"),
        (["c", "d"], "agrees"),
        (["d", "c"], "differs"),
        (["c", "e"], "undecided"),  # equal
    ],
)
def test_one_run_of_an_order_without_an_error_has_to_be_beyond_that_of_the_other(runs, word):
    facts = {"a": seeds(1.0, 0.25), "b": seeds(1.0, 9.0)}
    facts |= {name: Facts({}, {"x": x}) for name, x in (("c", 2.0), ("d", 2.125), ("e", 2.0))}
    judged = one(facts, Claim("o", "src", "x", runs=runs))
    assert judged.verdict == word
    assert ("2 s.e. of the one with several seeds" in judged.why) == bool({"a", "b"} & set(runs))


@pytest.mark.parametrize(
    "metrics",
    [
        {"x": 1.0, "x_deviation": 9.0},  # of what is no seed
        {"x": 1.0, "x_deviation": 9.0, "seeds": 1},
        {"x": 1.0, "x_deviation": math.nan, "seeds": 3},
        {"x": 1.0, "seeds": 3},
    ],
)
def test_only_several_seeds_have_a_standard_error(metrics):
    judged = one({"r": Facts({}, metrics)}, claim("a", "r", "x", 1.5, 0.75))
    assert (judged.verdict, judged.error) == ("agrees", None)
    assert "no interval" in judged.why


# ---- why -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (claim("a", "m", "x", 10.0, 2.0), "The difference is 1.5 ± 0.5 (2 s.e. over 4 seeds), within 2."),
        (claim("a", "m", "x", 10.0, 1), "The difference is 1.5 ± 0.5 (2 s.e. over 4 seeds), partly above 1."),
        (claim("a", "m", "x", 9, at_most=True), "Ours is 11.5 ± 0.5 (2 s.e. over 4 seeds), above 9."),
        (claim("a", "r", "log_p", -99.0, 0.1), "The difference is 0.125, above 0.1; one seed: no interval."),
        (claim("a", "r", "log_p", -99), "Ours is -99.125."),
        (claim("a", "r", "word", "falls"), "Ours is the same."),
        (claim("a", "r", "word", "sinks", same=["falls"]), "Ours is 'falls', which the report calls so."),
        (claim("a", "r", "word", "rises"), "Ours is 'falls'."),
        (
            claim("a", "r", "curve", [9.0, 5.0, 2.5], 2.0),
            "The two are furthest apart after epoch 3, by 1.5, within 2; a curve has no interval.",
        ),
        (claim("a", "r", "word", "", given={"data": "mnist"}), "Our data are digits, the report's mnist."),
        (claim("a", "r", "word", "falls", given={"depth": 4}), "Our depth is not known, the report's 4."),
        (claim("a", "gone", "x", 1.0), "params.yaml has no run gone."),
        (claim("a", "none", "log_p", 1.0), "What was measured does not tell."),
        (Claim("a", "src", "log_p", runs=["r", "s"]), "r is ahead of s by 1.12; one seed: no interval."),
        (Claim("a", "src", "x", runs=["m", "n"]), "n is ahead of m by 1.5 ± 0.707 (2 s.e.)."),
    ],
)  # fmt: skip
def test_why(facts, of, why):
    facts |= {"m": seeds(11.5, 0.25), "n": seeds(10.0, 0.25)}
    assert one(facts, of).why == why


def test_a_family_may_tell_more(facts):
    facts["r"] = Facts({}, {"word": "falls"}, {"word": "It goes from 9 to 4.", "other": "Not this."})
    assert one(facts, claim("a", "r", "word", "falls")).why == "Ours is the same. It goes from 9 to 4."


# ---- without a verdict -----------------------------------------------------------------------------------


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


def test_claims_on_runs_that_are_not_ours_are_there_too(facts):
    claims = (claim("a", "t", "log_p", -1.0), Claim("b", "src", "log_p", runs=["r", "t"]))
    assert verdict(facts, *claims) == [[-1.0, None, "not run"], ["r, t", None, "not run"]]


@pytest.mark.parametrize(
    "odd",
    [
        claim("a", "r", "log_q", 1.0),
        Claim("a", "s", "log_q", runs=["r", "s"]),
        Claim("a", "s", "log_q", runs=["gone", "r"]),
    ],
)
def test_a_metric_that_there_is_not_is_named(facts, odd):
    with pytest.raises(InputError, match=r"claims.yaml: a: 'log_q' is no metric of r; did you mean 'log_p'"):
        judge(Claims((odd,)), facts)


def test_a_difference_that_is_not_sure_is_undecided():
    judged = one({"r": Facts({}, {"word": "undecided"})}, claim("a", "r", "word", "better"))
    assert (judged.verdict, judged.why) == ("undecided", "Two standard errors either way do not tell.")
