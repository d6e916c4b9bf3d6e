import pytest

from book.demo import claims, environment, losses
from book.files import Page

SIGNS = {
    "agrees": "✓",
    "differs": "✗",
    "undecided": "?",
    "other data": "-",
    "no verdict": "-",
    "agrees (copy)": "✓",
}


@pytest.fixture(scope="module")
def part():
    return environment().globals["part"]


@pytest.mark.parametrize("verdict", SIGNS)
def test_a_verdict_is_a_word_with_a_sign(part, verdict):
    text = part("claim", claim=claims()[0] | {"verdict": verdict}, other=None)
    kind = verdict.split()[0] if verdict.split()[0] in SIGNS else "other"
    assert (
        f'<span class="verdict {kind}"><span aria-hidden="true">{SIGNS[verdict]}</span> {verdict}</span>'
        in text
    )


def test_a_claim_without_an_error_or_a_reason_shows_none(part):
    text = part("claim", claim=claims()[0] | {"error": None, "tolerance": "", "why": ""}, other=None)
    assert "±" not in text
    assert 'class="why"' not in text


def test_a_claim_of_two_runs_shows_both_verdicts(part):
    one, other = claims()[0], claims()[1] | {"ours": "3.25"}
    text = part("claim", claim=one, other=other, other_label="paper-cpu")
    assert text.count('class="verdict ') == 2
    assert "<dt>paper-cpu</dt>" in text
    assert "3.25" in text


def test_what_results_say_is_text_and_not_markup(part):
    evil = "<script>alert(1)</script>"
    table = losses(caption=evil, other_label=evil, other=losses()["rows"])
    table["rows"][0][0]["text"] = evil
    texts = [
        part("table", **table),
        part("claim", claim=claims()[0] | {"what": evil, "ours": evil, "why": evil}, other=None),
        part("missing", what=evil, why=evil),
        part("figure", src="a.png", width=1, height=1, alt=f'"{evil}', caption=evil, other=None),
    ]
    assert not any("<script" in text for text in texts)


def test_a_table_without_rows_says_so(part):
    assert ">no rows</td>" in part("table", **losses(rows=[]))


def test_the_state_adds_up(part):
    counts = [
        {
            "title": name,
            "file": "a.html",
            "agrees": n,
            "differs": 0,
            "undecided": 1,
            "other": 2,
            "total": n + 3,
        }
        for name, n in (("a", 4), ("b", 5))
    ]
    text = part("state", counts=counts)
    total = text.partition("<tfoot>")[2]
    assert [cell.partition("<")[0] for cell in total.split('class="number">')[1:]] == [
        "9",
        "0",
        "2",
        "4",
        "15",
    ]
    assert "<tfoot>" not in part("state", counts=counts[:1])


def test_pages_turn_in_the_order_of_the_navigation(demo):
    turns = {
        page.name: [
            (attributes["rel"], attributes["href"])
            for tag, attributes in Page(page).tags
            if tag == "a" and "rel" in attributes
        ]
        for page in demo.glob("*.html")
    }
    assert turns == {
        "index.html": [("next", "one.html")],
        "one.html": [("prev", "index.html"), ("next", "runs.html")],
        "runs.html": [("prev", "one.html")],
    }
