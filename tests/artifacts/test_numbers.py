"""Metrics and tables: six digits, and words where there is no number."""

import json
import math

import pandas as pd
import pytest

from artifacts.small import names
from regen.artifacts import (
    at_most,
    metric,
    read_csv,
    read_metrics,
    rounded,
    write_csv,
    write_metrics,
)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_is_finite_or_a_word(value):
    assert metric(value) == "not finite"
    assert metric(1.5) == 1.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_metrics_that_are_not_finite_are_refused_and_the_old_ones_stay(tmp_path, value):
    path = tmp_path / "m.json"
    write_metrics(path, {"loss": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_metrics(path, {"run": {"loss": value}})
    assert read_metrics(path) == {"loss": 1.0}
    assert names(tmp_path) == ["m.json"]


def test_metrics_come_back_rounded(tmp_path):
    metrics = {
        "loss": 0.1 + 0.2,
        "steps": 123456789,
        "pixels": 12345678.0,
        "status": metric(math.nan),
        "run": {"bound": -1234.56789, "name": "0.123456789"},
    }
    write_metrics(tmp_path / "m.json", metrics)
    expected = metrics | {"loss": 0.3, "run": {"bound": -1234.57, "name": "0.123456789"}}
    assert read_metrics(tmp_path / "m.json") == expected
    assert isinstance(read_metrics(tmp_path / "m.json")["steps"], int)
    assert (tmp_path / "m.json").read_text().endswith("}\n")
    assert list(json.loads((tmp_path / "m.json").read_text())) == list(metrics)


def test_a_word_in_a_column_leaves_its_numbers_numbers(tmp_path):
    """As it was once not: every game's rate became text when one game ran off."""
    path = tmp_path / "verdicts.csv"
    write_csv(path, pd.DataFrame({"name": ["nan", "b", "c"], "rate": [-0.25, "not finite", 3]}, dtype=object))
    back = read_csv(path)
    assert back["rate"].tolist() == [-0.25, "not finite", 3.0]
    assert back["name"].tolist()[1:] == ["b", "c"]


def test_tables_come_back(tmp_path):
    table = pd.DataFrame(
        {"name": ["a", "b, c"], "loss": [1 / 3, 1e-21], "epochs": [1, 2], "ema": [None, 0.998]}
    )
    write_csv(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv"), table, rtol=1e-6)
    assert (tmp_path / "t.csv").read_text().split("\n")[1] == "a,0.333333,1,"


@pytest.mark.parametrize(
    ("value", "published"),
    [
        (1 / 3, 0.333333),
        (-2e5 / 3, -66666.7),
        (1.23456789e-21, 1.23457e-21),
        (0.9999999, 1.0),
        (0.0, 0.0),
        (123456789.0, 123456789.0),  # a count
        (-123456789.0, -123456789.0),
        (1234567.5, 1.23457e6),  # none
        (0.9996875, 0.999687),  # half-way: the last bit does not decide
        (math.nextafter(0.9996875, 0), 0.999687),
        (math.nextafter(0.9996875, 1), 0.999687),
        (1234567890.0, 1.23457e9),  # nor this
        (1234567890123, 1234567890123),
        (True, True),
        ("0.123456789", "0.123456789"),
        (None, None),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
    ],
)
def test_floats_are_published_to_six_digits_and_all_else_as_it_is(value, published):
    assert rounded(value) == published
    assert type(rounded(value)) is type(value)
    assert rounded(rounded(value)) == rounded(value)


def test_not_a_number_stays_none():
    assert math.isnan(rounded(math.nan))


def test_tables_are_rounded_whatever_their_columns_hold(tmp_path):
    table = pd.DataFrame(
        {
            "word": pd.Series([1 / 3, "not finite", 12345678], dtype=object),
            "steps": [123456789, 1, 2],
            "gaps": [123456789.0, None, 1234567.0],
            "single": pd.Series([1 / 3, 2 / 3, 1.0], dtype="float32"),
            "sure": [True, False, True],
        }
    )
    write_csv(tmp_path / "t.csv", table)
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "word,steps,gaps,single,sure",
        "0.333333,123456789,123456789,0.333333,True",
        "not finite,1,,0.666667,False",
        "12345678,2,1234567,1,True",
    ]


def test_numbers_that_differ_past_the_sixth_digit_are_published_alike(tmp_path):
    paths = [tmp_path / name for name in "ab"]
    for path, error in zip(paths, (1e-12, -1e-12), strict=True):
        write_csv(path, pd.DataFrame({"x": [1 / 3 + error, 1e-3 + error], "y": [2 / 3 - error, "word"]}))
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("error", "bound"),
    [
        (0.0, 1e-9),
        (3e-16, 1e-9),
        (1e-9, 1e-9),
        (1.1e-9, 1e-8),
        (2e-6, 1e-5),
        (0.5, 1.0),
        (1.0, 1.0),
        (12.0, 100.0),
        (math.inf, math.inf),
    ],
)
def test_errors_are_published_as_a_power_of_ten_above_them(error, bound):
    assert at_most(error) == pytest.approx(bound, rel=1e-15)
    assert at_most(error) >= error * (1 - 1e-15)


def test_an_error_that_is_not_a_number_stays_none():
    assert math.isnan(at_most(math.nan))
