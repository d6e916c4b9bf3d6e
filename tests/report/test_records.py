"""Recorded runs beside the last one: what they add to its verdicts, and what pages show of them."""

import base64
import json
import re
import shutil
from pathlib import Path

import pytest

from regen.errors import InputError
from regen.report.book import TITLES, Book
from regen.report.records import beyond, joined, read_records
from regen.report.results import Results

REPO = Path(__file__).parents[2]
OURS = {
    "same": {"verdict": "agrees"},
    "marked": {"verdict": "differs"},
    "other": {"verdict": "differs"},
    "none": {"verdict": "other data"},
    "unheard": {"verdict": "not run"},
}
THEIRS = {
    "same": {"verdict": "agrees"},
    "marked": {"verdict": "differs (copy)"},
    "other": {"verdict": "undecided"},
    "none": {"verdict": "agrees (copy)"},
    "unheard": {"verdict": "not run"},
    "of old": {"verdict": "agrees"},
}


def record(folder, claims):
    (folder / "tables").mkdir(parents=True)
    (folder / "claims.json").write_text(json.dumps(claims))
    (folder / "environment.json").write_text(json.dumps({"date": "2026-01-01"}))


def test_recorded_runs_are_folders_with_verdicts(tmp_path):
    record(tmp_path / "b", THEIRS)
    record(tmp_path / "a", {})
    (tmp_path / "noise").mkdir()
    (tmp_path / "README.md").touch()
    one, other = read_records(tmp_path)
    assert (one.name, other.name, other.made_with["date"]) == ("a", "b", "2026-01-01")
    assert set(other.claims) == {"same", "marked", "other", "none", "of old"}
    assert (one.counts["agrees"], other.counts) == (0, {"agrees": 3, "differs": 1, "undecided": 1})
    assert read_records(tmp_path / "nowhere") == []


def test_what_they_add_is_verdicts_where_there_is_none_or_another(tmp_path):
    record(tmp_path / "b", THEIRS)
    record(tmp_path / "c", {"none": {"verdict": "differs"}})
    records = read_records(tmp_path)
    assert beyond(records, OURS) == {
        "other": [("b", THEIRS["other"])],
        "none": [("b", THEIRS["none"]), ("c", {"verdict": "differs"})],
    }
    assert joined(records[:1], OURS) == OURS | {"none": THEIRS["none"]}
    assert joined([], OURS) == OURS


def test_of_several_recorded_verdicts_that_of_the_run_nearest_to_the_report_s_counts(tmp_path):
    marks = ["agrees (smaller networks, fewer steps) (copy)", "differs (fewer steps) (copy)", "agrees (copy)"]
    for name, verdict in zip("abc", marks, strict=True):
        record(tmp_path / name, {"none": {"verdict": verdict}})
    assert joined(read_records(tmp_path), OURS)["none"] == {"verdict": "agrees (copy)"}
    assert joined(read_records(tmp_path)[:2], OURS)["none"] == {"verdict": "differs (fewer steps) (copy)"}


@pytest.mark.parametrize("file", ["claims.json", "environment.json"])
def test_one_that_is_damaged_is_named(tmp_path, file):
    record(tmp_path / "b", THEIRS)
    (tmp_path / "b" / file).write_text("{")
    with pytest.raises(InputError, match=rf"^{tmp_path / 'b' / file}: "):
        read_records(tmp_path)


# ---- those in git ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def books():
    """The pages of the results in git, without recorded runs and with those in git."""
    results, records = Results.of(REPO / "reports"), read_records(REPO / "results")
    alone = Book(results, REPO / "reports")
    beside = Book(results, REPO / "reports", records=records)
    return {name: (alone.page(name), beside.page(name)) for name in TITLES}


def test_each_verdict_that_is_added_stands_below_its_claim(books):
    claims = Results.of(REPO / "reports").claims
    added = beyond(read_records(REPO / "results"), claims)
    assert added
    for name, found in added.items():
        alone, beside = (
            re.search(rf'<article class="claim" id="claim-{name}".*?</article>', page, re.DOTALL)[0]
            for page in books[claims[name]["source"]]
        )
        assert "recorded run" not in alone
        assert beside.count('class="verdict ') == 1 + len(found), name
        assert all(f"<dt>recorded run {run}</dt>" in beside for run, _ in found)


def test_a_recorded_curve_is_held_against_the_report_where_the_two_are_furthest_apart(books):
    alone, beside = books["ift6135"]
    assert beside.count("where the report has") == 1
    assert "142.51</span>, where the report has 143.85<br>" in beside
    assert "where the report has" not in alone


def test_their_pictures_are_part_of_the_page(books):
    picture = REPO / "results/paper-cpu/figures/l100/samples.png"
    held = base64.b64encode(picture.read_bytes()).decode()
    alone, beside = books["ift6135"]
    assert (held in alone, held in beside) == (False, True)
    assert not any("../results" in page or '<a href="data:' in page for _, page in books.values())


def test_pages_of_the_same_data_show_no_recorded_run(tmp_path):
    results = Results.of(REPO / "results/paper-cpu")
    page = Book(results, tmp_path, records=read_records(REPO / "results")).page("uva2019")
    assert "Recorded run <code>paper-cpu" not in page


def test_a_recorded_figure_that_is_gone_says_so_in_its_place(tmp_path):
    shutil.copytree(REPO / "results/paper-cpu", tmp_path / "paper-cpu")
    (tmp_path / "paper-cpu/figures/uva_gan/samples.png").unlink()
    book = Book(Results.of(REPO / "reports"), REPO / "reports", records=read_records(tmp_path))
    page = book.page("uva2019")
    assert page.count('class="missing"') == 1
    assert "uva_gan/samples.png: no picture" in page
