"""What follows a verdict: that data are copies, that networks are smaller."""

import pytest

from regen.report.claims import Claim, Claims, Facts
from regen.report.judge import judge


def claim(name, run, metric, expected, **more):
    return Claim(name, "src", metric, expected, run, **more)


def one(facts, of):
    (judged,) = judge(Claims((of,)), facts)
    return judged


def test_a_mark_follows_the_verdicts_on_its_run():
    facts = {"r": Facts({}, {"log_p": -99.125}), "s": Facts({}, {"log_p": -98.0})}
    order = Claim("c", "src", "log_p", runs=["r", "s"])
    claims = Claims((claim("a", "r", "log_p", -99.125), claim("b", "s", "log_p", -98.0), order))
    marked = judge(claims, facts, marks={"s": " (copy)"})
    assert [one.verdict for one in marked] == ["agrees", "agrees (copy)", "agrees (copy)"]


@pytest.mark.parametrize(
    ("sizes", "mark"),
    [
        ({"width": 32, "steps": 10_000}, " (smaller networks, fewer steps)"),
        ({"width": 128, "steps": 20_000}, " (fewer steps)"),
        ({"width": 256, "steps": 100_000}, " (larger networks)"),
        ({"width": 128, "steps": 100_000}, ""),
        ({"width": None, "steps": [20_000, 100_000]}, " (fewer steps)"),
        ({"width": [32, 256], "steps": []}, " (smaller networks, larger networks)"),
    ],
)
def test_a_verdict_on_other_sizes_says_so(sizes, mark):
    falls = claim("a", "r", "x", "falls", given={"data": "cifar10"}, sizes={"width": 128, "steps": 100_000})
    assert one({"r": Facts({"data": "cifar10", **sizes}, {"x": "falls"})}, falls).verdict == f"agrees{mark}"
    assert one({"r": Facts({"data": "cifar10", **sizes}, {"x": "rises"})}, falls).verdict == f"differs{mark}"
    assert one({"r": Facts({"data": "digits", **sizes}, {"x": "falls"})}, falls).verdict == "other data"
    assert one({"r": Facts({"data": "cifar10", **sizes}, {"x": "not scored"})}, falls).verdict == "not scored"


@pytest.mark.parametrize(
    ("sizes", "verdict", "why"),
    [
        (
            {"width": 32, "steps": 9999},
            "far fewer steps",
            "Our steps: 9999, the report's: 100000; judged from a tenth on.",
        ),
        (
            {"width": 8, "steps": 1},
            "far smaller networks",
            "Our width: 8, the report's: 128; judged from a tenth on.",
        ),
    ],
)
def test_sizes_far_below_the_report_s_have_no_verdict(sizes, verdict, why):
    falls = claim("a", "r", "x", "falls", sizes={"width": 128, "steps": 100_000})
    judged = one({"r": Facts(sizes, {"x": "falls"})}, falls)
    assert (judged.verdict, judged.why) == (verdict, why)


def test_an_order_is_of_other_sizes_where_one_run_is():
    order = Claim("o", "src", "x", runs=["r", "s"], sizes={"steps": 10})
    facts = {"r": Facts({"steps": 10}, {"x": 1.0}), "s": Facts({"steps": 5}, {"x": 2.0})}
    assert one(facts, order).verdict == "agrees (fewer steps)"
