import json
import math

import pytest

from regen.report.claims import COLUMNS, Claim, Claims, Facts
from regen.report.judge import judge
from regen.report.ledger import entries, rule, table

FACTS = {
    "r": Facts({}, {"x": 1.25, "x_deviation": 0.5, "seeds": 4, "curve": [3.0, 2.0], "word": "falls"}),
    "s": Facts({}, {"x": 1.5, "word": "rises"}),
}
FIGURE = Claim("figure", "src", "x", 1.0, "r", what="x of r", tolerance=2.0, question="3.1")
CLAIMS = Claims(
    (
        FIGURE,
        Claim("curve", "src", "curve", [3.0, 2.5], "r", tolerance=1.0),
        Claim("word", "src", "word", "falls", "s"),
        Claim("order", "src", "x", runs=["r", "s"]),
        Claim("gone", "src", "curve", [3.0, 2.5, 2.25], "t", tolerance=1.0),
    )
)


@pytest.fixture
def judged():
    return judge(CLAIMS, FACTS)


def test_an_entry(judged):
    assert entries(judged)["figure"] == {
        "source": "src",
        "question": "3.1",
        "what": "x of r",
        "runs": ["r"],
        "metric": "x",
        "expected": 1.0,
        "rule": "within 2",
        "tolerance": 2.0,
        "ours": 1.25,
        "error": 0.25,
        "verdict": "agrees",
        "why": "The difference is 0.25 ± 0.5 (2 s.e. over 4 seeds), within 2.",
    }


def test_every_claim_has_one_that_json_can_hold(judged):
    found = json.loads(json.dumps(entries(judged), allow_nan=False))
    assert list(found) == [claim.id for claim in CLAIMS.claims]
    assert "question" not in found["curve"]
    assert (found["curve"]["expected"], found["curve"]["ours"]) == (2.5, 2.0)
    assert (found["word"]["tolerance"], found["word"]["error"]) == (None, None)
    assert found["order"]["runs"] == ["r", "s"]
    assert (found["gone"]["expected"], found["gone"]["ours"]) == ([3.0, 2.5, 2.25], None)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (Claim("a", "src", "x", 1.0, "r", tolerance=0.7), "within 0.7"),
        (Claim("a", "src", "x", 1.0, "r", tolerance=1e-9), "within 1e-09"),
        (Claim("a", "src", "x", 1256698, "r"), "exactly this number"),
        (Claim("a", "src", "x", 0.05, "r", at_most=True), "at most 0.05"),
        (Claim("a", "src", "x", [1.0], "r", tolerance=3.0), "within 3 at every epoch"),
        (Claim("a", "src", "x", "falls", "r"), "the same wording"),
        (Claim("a", "src", "x", "sinks", "r", same=["falls"]), "the same wording or 'falls'"),
        (Claim("a", "src", "x", "falls", "r", judged="by 2 s.e."), "the same wording (by 2 s.e.)"),
        (Claim("a", "src", "x", runs=["r", "s"]), "in this order"),
    ],
)
def test_the_rule_in_words(of, words):
    assert rule(of) == words


def test_the_table_has_the_same_verdicts(judged):
    found = table(judged)
    assert list(found.columns) == [*(column.key for column in COLUMNS), "source", "rule", "error", "why"]
    assert found["verdict"].tolist() == [one["verdict"] for one in entries(judged).values()]
    assert found.iloc[0, :6].tolist() == ["figure", "x of r", 1.0, 1.25, 2.0, "agrees"]
    assert found["report"].tolist()[-1] == "3.0 to 2.25"
    assert math.isnan(found["tolerance"][2])  # words have none


def test_none_at_all():
    found = table(judge(Claims(()), FACTS))
    assert found.empty
    assert entries([]) == {}
    assert len(found.columns) == len(COLUMNS) + 4
