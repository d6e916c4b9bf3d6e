from pathlib import Path

import pytest
import yaml

from regen.errors import InputError
from regen.report.changes import Changes, Spread, State
from regen.report.gate import Accepted, Gate, as_accepted

KNOWN = {"metric": ["r.loss", "r.score"], "claim": ["r-falls"]}
FILE = Path("accepted.yaml")


def gate(new, accepted=(), verdict="agrees"):
    """Hold a loss of `new` against one of 1.0, with a deviation of 0.5, and a claim's new verdict."""
    before = State({}, {"r": {"loss": 1.0}}, {"r-falls": {"verdict": "agrees", "runs": ["r"]}})
    after = State({}, {"r": {"loss": new}}, {"r-falls": {"verdict": verdict, "runs": ["r"]}})
    changes = Changes.between(before, after, {"r"}, {"r.loss": Spread(1.0, 0.5)}, {"loss": "lower"})
    return Gate.of(changes, accepted)


@pytest.mark.parametrize(
    ("new", "refused"), [(2.5, False), (2.625, True), (-9.0, False), ("not finite", True), (1.0, False)]
)
def test_a_metric_may_get_worse_by_three_deviations(new, refused):
    assert [each.name for each in gate(new).refused] == ["r.loss"] * refused


def test_how_much_worse_is_told():
    assert [gate(new).refused[0].told for new in (3.0, "not finite")] == [
        "worse by 4.0 deviations",
        "worse by more than any seed makes",
    ]


def test_a_lost_verdict_is_refused():
    (failure,) = gate(1.0, verdict="undecided").refused
    assert (failure.kind, failure.name, failure.told) == ("claim", "r-falls", "agrees, now undecided")


def test_what_is_accepted_is_listed_and_not_refused():
    lines = [Accepted("metric", "r.loss", "fewer epochs"), Accepted("claim", "r-falls", "noise")]
    found = gate(9.0, lines)
    assert (found.refused, found.idle) == ([], lines[1:])
    assert [(each.name, each.reason) for each in found.failures] == [("r.loss", "fewer epochs")]
    assert gate(9.0, lines, verdict="differs").idle == []


def test_lines_are_read():
    text = "- {metric: r.loss, reason: fewer epochs}\n- {claim: r-falls, reason: noise}\n"
    assert as_accepted(yaml.safe_load(text), FILE, KNOWN) == [
        Accepted("metric", "r.loss", "fewer epochs"),
        Accepted("claim", "r-falls", "noise"),
    ]
    assert as_accepted(None, FILE, KNOWN) == as_accepted([], FILE, KNOWN) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metric: r.loss", "should hold a list, "),
        ("- r.loss", "1: 'r.loss': should have a metric or claim, and a reason"),
        ("- {metric: r.loss}", "1: reason: None: should say why r.loss may get worse"),
        ("- {metric: r.loss, reason: ' '}", "1: reason: ' ': should say why"),
        ("- {metric: r.lss, reason: x}", "1: metric: 'r.lss': unknown; did you mean 'r.loss'? "),
        ("- {claim: r.loss, reason: x}", "1: claim: 'r.loss': unknown; "),
        ("- {metric: [1], reason: x}", "1: metric: [1]: unknown; "),
        ("- {metric: r.loss, claim: r-falls, reason: x}", "1: should have either 'metric' or 'claim'"),
        ("- {reason: x}", "1: should have either 'metric' or 'claim'"),
        ("- {metrics: r.loss, reason: x}", "1: metrics: unknown key; did you mean 'metric'? "),
        ("- {claim: r-falls, reason: x}\n" * 2, "2: claim: 'r-falls': stands there before"),
    ],
)  # fmt: skip
def test_a_line_that_does_not_fit_is_named(text, message):
    with pytest.raises(InputError) as caught:
        as_accepted(yaml.safe_load(text), FILE, KNOWN)
    assert str(caught.value).startswith(f"accepted.yaml: {message}")
    assert "\n" not in str(caught.value)
