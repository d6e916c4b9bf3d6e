"""Chapters together: a run that several know of, tables as files, how long trainings took."""

import re
from pathlib import Path

import pandas as pd
import pytest

from regen import artifacts
from regen.errors import InputError
from regen.report.chapter import Chapter, Table, all_facts, all_metrics, directions, timings
from regen.report.claims import Facts
from regen.report.columns import Column
from report.cells import rows

REPORT = Path(__file__).parents[2] / "src" / "regen" / "report"
DATA = pd.DataFrame({"run": ["a", "b"], "x": [0.125, 1234567.0], "hidden": 1})
COLUMNS = [Column("run"), Column("x", "X", digits=1, better="higher", of="x_of_record")]


def test_a_table_as_files(tmp_path):
    Table.of("some", DATA, COLUMNS).write(tmp_path / "some.csv")
    assert (tmp_path / "some.csv").read_text() == "run,x,hidden\na,0.125,1\nb,1234567,1\n"
    assert rows((tmp_path / "some.md").read_text()) == [["a", "0.1"], ["b", "1234567.0"]]


def test_readers_may_see_other_words_than_the_file_has():
    table = Table.of("some", DATA, COLUMNS, shown=DATA.assign(run=["A", "B"]))
    assert [row[0] for row in rows(table.text)] == ["A", "B"]
    assert table.data["run"].tolist() == ["a", "b"]


def test_words_in_place_of_no_rows():
    assert Table.of("some", DATA.iloc[:0], COLUMNS, empty="None.").text == "None."
    assert Table.of("some", DATA, COLUMNS, empty="None.").text != "None."


def test_what_several_chapters_know_of_a_run_is_put_together():
    one = Chapter("", facts={"a": Facts({"data": "digits"}, {"x": 1})}, metrics={"a": {"x": 1, "y": 2}})
    other = Chapter(
        "",
        facts={"a": Facts({"samples": 9}, {"z": 3}, {"z": "Three."}), "b": Facts({}, {})},
        metrics={"a": {"y": 5}},
    )
    assert all_facts([one, other]) == {
        "a": Facts({"data": "digits", "samples": 9}, {"x": 1, "z": 3}, {"z": "Three."}),
        "b": Facts({}, {}),
    }
    assert all_metrics([one, other]) == {"a": {"x": 1, "y": 5}}
    assert one.metrics == {"a": {"x": 1, "y": 2}}


def test_directions_go_by_the_names_in_the_records():
    assert directions([Chapter("", [Table.of("some", DATA, COLUMNS)])]) == {"x_of_record": "higher"}


def test_timings_are_of_every_training(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for run, seconds in (("a", 7.5), ("b", 9.0)):
        artifacts.write_metrics(artifacts.timing_file(run), {"seconds": seconds, "steps_per_second": 8.0})
    table = timings([Chapter("", trained=["b"]), Chapter(""), Chapter("", trained=["a"])])
    assert table.data["run"].tolist() == ["b", "a"]
    lines = table.text.splitlines()
    assert lines[0] == "# How long it took"
    assert "steps per second" in lines[2]
    assert rows(table.text) == [["b", "9", "8"], ["a", "7.50", "8"]]
    with pytest.raises(InputError, match=r"models/timings/c.json: no metrics"):
        timings([Chapter("", trained=["c"])])


def test_the_report_knows_neither_chapters_nor_params():
    code = "".join(path.read_text() for path in REPORT.glob("*.py"))
    rooms = set(re.findall(r"^\s*(?:from|import) regen[. ](?:import )?(\w+)", code, re.MULTILINE))
    assert rooms == {"artifacts", "errors", "report"}
