"""Chapters together: a run that several know of, tables as files, how long trainings took."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from regen import artifacts
from regen.errors import InputError
from regen.report.chapter import Chapter, Table, all_facts, all_metrics, directions, timings
from regen.report.claims import Facts
from regen.report.columns import Column

REPORT = Path(__file__).parents[2] / "src" / "regen" / "report"
DATA = pd.DataFrame({"run": ["a", "b"], "x": [0.125, 1234567.0], "hidden": 1})
COLUMNS = [Column("run"), Column("x", "X", digits=1, better="higher", of="x_of_record")]


def test_a_table_as_files(tmp_path):
    Table("some", DATA, COLUMNS, empty="None.").write(tmp_path / "some.csv")
    assert (tmp_path / "some.csv").read_text() == "run,x,hidden\na,0.125,1\nb,1234567,1\n"
    assert json.loads((tmp_path / "some.json").read_text()) == {
        "columns": [
            {"key": "run", "title": "run", "better": None, "of": "run"},
            {"key": "x", "title": "X", "better": "higher", "of": "x_of_record"},
        ],
        "empty": "None.",
        "rows": [
            {"cells": ["a", "0.1"], "values": {"run": "a", "x": 0.125, "hidden": 1}},
            {"cells": ["b", "1234567.0"], "values": {"run": "b", "x": 1234567, "hidden": 1}},
        ],
    }


def test_what_is_no_number_is_none(tmp_path):
    data = DATA.assign(run=[None, "c"], x=[math.nan, np.float64(2.5)])
    Table("some", data, COLUMNS).write(tmp_path / "some.csv")
    rows = json.loads((tmp_path / "some.json").read_text(), parse_constant=pytest.fail)["rows"]
    assert [row["values"] for row in rows] == [
        {"run": None, "x": None, "hidden": 1},
        {"run": "c", "x": 2.5, "hidden": 1},
    ]


def test_readers_may_see_other_words_than_the_file_has():
    table = Table("some", DATA, COLUMNS, shown=DATA.assign(run=["A", "B"]))
    assert [row[0] for row in table.rows] == ["A", "B"]
    assert table.data["run"].tolist() == ["a", "b"]


def test_what_several_chapters_know_of_a_run_is_put_together():
    one = Chapter(facts={"a": Facts({"data": "digits"}, {"x": 1})}, metrics={"a": {"x": 1, "y": 2}})
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
    assert directions([Chapter([Table("some", DATA, COLUMNS)])]) == {"x_of_record": "higher"}


def test_timings_are_of_every_training(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for run, seconds in (("a", 7.5), ("b", 9.0)):
        artifacts.write_metrics(artifacts.timing_file(run), {"seconds": seconds, "steps_per_second": 8.0})
    table = timings([Chapter(trained=["b"]), Chapter(), Chapter(trained=["a"])])
    assert table.data["run"].tolist() == ["b", "a"]
    assert [column.title for column in table.headings] == ["run", "seconds", "steps per second"]
    assert table.rows == [["b", "9", "8"], ["a", "7.50", "8"]]
    with pytest.raises(InputError, match=r"models/timings/c.json: no metrics"):
        timings([Chapter(trained=["c"])])


def test_the_report_knows_neither_chapters_nor_params():
    code = "".join(path.read_text() for path in REPORT.glob("*.py"))
    rooms = set(re.findall(r"^\s*(?:from|import) regen[. ](?:import )?(\w+)", code, re.MULTILINE))
    assert rooms == {"artifacts", "errors", "report"}
