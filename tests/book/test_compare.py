"""Another run's results beside ours, from a folder and from a revision."""

import re
import shutil
from pathlib import Path

import pytest

from regen.errors import InputError
from regen.pipeline.compare import compare
from regen.report.book import TITLES
from report.scratch import begin, commit, git

REPO = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _workspace(tmp_path, monkeypatch):
    """A repository with two results: those in git, and before them others, of one table."""
    begin(monkeypatch, tmp_path)
    shutil.copytree(REPO / "reports", "reports", ignore=shutil.ignore_patterns("runs", "*.gif", "*.html"))
    shutil.copy(REPO / "params.yaml", "params.yaml")
    table = Path("reports/tables/vae.json")
    ours = table.read_text()
    table.write_text(ours.replace("l100_planar", "their_own"))
    git("tag", "theirs", commit())
    table.write_text(ours)


def sources(page):
    return re.findall(r'(?:src|href)="([^"#:]+)"', page.read_text())


def test_beside_a_revision():
    first = compare("theirs")
    assert first == Path("reports/compare/index.html")
    assert {path.stem for path in first.parent.glob("*.html")} == set(TITLES)
    for page in first.parent.glob("*.html"):
        assert [name for name in sources(page) if not (page.parent / name).exists()] == []
    text = (first.parent / "runs.html").read_text()
    table = re.search(r'<figure class="table" id="table-vae">.*?</figure>', text, re.DOTALL)[0]
    assert ("their_own" in table, "l100_planar" in table) == (True, True)
    assert "these results beside theirs" in text


def test_beside_a_recorded_run():
    page = compare(str(REPO / "results" / "paper-cpu")).parent / "uva2019.html"
    main = re.search(r"<main.*</main>", page.read_text(), re.DOTALL)[0]
    assert "paper-cpu" in main.partition("<footer")[0]
    assert [name for name in sources(page) if not (page.parent / name).exists()] == []


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("nothing", "^OTHER: 'nothing': neither a folder nor a revision; allowed: "),
        ("empty", "^OTHER: 'empty': that revision has no reports and params.yaml"),
        ("figures", "^figures: no results; allowed: "),
    ],
)
def test_what_has_no_results_is_refused(other, message):
    Path("figures").mkdir()
    git("tag", "empty", git("commit-tree", "-m", "empty", git("mktree")))
    with pytest.raises(InputError, match=message):
        compare(other)


def test_without_results_of_our_own():
    shutil.rmtree("reports")
    with pytest.raises(InputError, match=r"^reports: no results"):
        compare("theirs")
