import re

import pytest

from regen.report.chapter import Chapter
from regen.report.claims import Claim, Claims, Facts
from regen.report.judge import judge
from regen.report.ledger import table
from regen.report.page import claims_table, page
from report.cells import rows

FACTS = {
    "a": Facts({}, {"x": 102.25, "fine": 50.0, "word": "falls"}),
    "b": Facts({"data": "digits"}, {"x": 3.5}),
}
CHAPTERS = [Chapter("## One\n"), Chapter("## Two\n")]


@pytest.fixture
def verdicts():
    claims = (
        Claim("x", "src", "x", 102.0, "a", tolerance=0.5),
        Claim("fine", "src", "fine", 50.0, "a", tolerance=1e-4),
        Claim("word", "src", "word", "falls", "a"),
        Claim("order", "src", "x", runs=["b", "a"]),
        Claim("other", "src", "x", 3.5, "b", given={"data": "mnist"}),
    )
    return claims_table(table(judge(Claims(claims), FACTS)))


def test_claims_have_the_digits_that_their_verdicts_turn_on(verdicts):
    assert [[row[0], *row[2:]] for row in rows(verdicts.text)] == [
        ["x", "102", "102.25", "0.5", "agrees"],
        ["fine", "50.0000", "50.0000", "0.0001", "agrees"],
        ["word", "falls", "falls", "", "agrees"],
        ["order", "b, a", "b (3.50), a (102.25)", "", "agrees"],
        ["other", "3.50", "3.50", "", "other data"],
    ]
    assert verdicts.data.loc[1, "ours"] == 50.0


def test_chapters_in_their_order_then_the_claims(verdicts):
    text = page(5, [], CHAPTERS, verdicts)
    assert re.findall(r"^##+ (.*)$", text, re.MULTILINE) == ["One", "Two", "What the reports claim"]
    assert "Seed 5." in text
    assert verdicts.text in text
    assert not re.search(r"[{}]", text)


def test_copies_of_data_are_told_of(verdicts):
    assert "official files" not in page(5, [], CHAPTERS, verdicts)
    text = page(5, ["mnist", "digits"], CHAPTERS, verdicts)
    assert "(`data.sha256` in params.yaml): digits, mnist. Tables" in text


def test_without_claims():
    none = claims_table(table(judge(Claims(()), FACTS)))
    assert "What the reports claim" not in page(5, [], CHAPTERS, none)
