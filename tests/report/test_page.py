import re

from regen.report.page import page
from regen.report.state import CHAPTERS
from report.cells import rows

VERDICTS = {
    "ift6135": ["agrees", "agrees", "differs (copy)", "other data"],
    "vu2020": ["undecided", "not run"],
}
CLAIMS = {
    f"{source}-{i}": {"source": source, "verdict": verdict}
    for source, verdicts in VERDICTS.items()
    for i, verdict in enumerate(verdicts)
}


FIGURES = ["dirac/overview.png", "l100/samples.png"]


def test_the_state_of_each_report():
    states = {row[0]: list(map(int, row[1:])) for row in rows(page(CLAIMS, [], FIGURES))}
    assert list(states) == list(CHAPTERS.values())
    assert states[CHAPTERS["ift6135"]] == [2, 1, 0, 1, 4]
    assert states[CHAPTERS["vu2020"]] == [0, 0, 1, 1, 2]
    assert states[CHAPTERS["uva2020"]] == [0, 0, 0, 0, 0]


def test_copies_of_data_are_told_of():
    assert "official files" not in page(CLAIMS, [], FIGURES)
    assert "(`data.sha256` in params.yaml): digits, mnist. Tables" in page(
        CLAIMS, ["mnist", "digits"], FIGURES
    )


def test_a_recorded_run_has_its_name_its_own_settings_and_no_book():
    last, recorded = page(CLAIMS, [], FIGURES), page(CLAIMS, [], FIGURES, "paper-cpu")
    assert last.splitlines()[1] == "# Results of the last run"
    assert recorded.splitlines()[1] == "# Run paper-cpu"
    assert [CHAPTERS[source] for source in VERDICTS] == [row[0] for row in rows(recorded)]
    assert ("(../params.yaml)" in last, "(params.yaml)" in recorded) == (True, True)
    assert ("index.html" in last, "index.html" in recorded) == (True, False)
    assert not re.search(r"[{}]", last + recorded)


def test_pictures_that_there_are():
    text = page(CLAIMS, [], FIGURES)
    assert re.findall(r"\(figures/(.*?)\)", text) == ["dirac/overview.png"]
