import math

import numpy as np
import pandas as pd
import pytest

from regen.report.columns import Column, hidden
from regen.report.markdown import cell, markdown, spread
from report.cells import rows


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (np.float64("nan"), ""),
        ("not finite", "not finite"),
        ("a|b", r"a\|b"),
        (True, "True"),
        (0, "0"),
        (0.0, "0"),
        (7, "7"),
        (7.0, "7"),
        (-97.125, "-97.12"),
        (0.51234, "0.512"),
        (0.000244, "0.000244"),
        (1234.5, "1234"),
        (2e6, "2.0e+06"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


@pytest.mark.parametrize(
    ("mean", "deviation", "digits", "text"),
    [
        (1.23456, 0.0561, 3, "1.235 ± 0.056"),
        (0.51234, 0.01234, None, "0.512 ± 0.0123"),
        (1.23456, None, 3, "1.235"),
        (1.23456, math.nan, 3, "1.235"),
        (1.23456, "not finite", 3, "1.235"),
        (math.nan, 0.1, 3, ""),
        (None, None, 3, ""),
        ("not finite", 0.1, 3, "not finite"),
    ],
)
def test_mean_and_deviation(mean, deviation, digits, text):
    assert spread(mean, deviation, digits) == text


def test_columns_are_shown_in_their_order_unless_they_are_hidden():
    table = pd.DataFrame({"a_b": [1, 2], "b": [0.5, None], "c": "hidden"})
    text = markdown(table, [Column("b", "second", digits=2), *hidden("c"), Column("a_b")])
    assert "hidden" not in text
    assert text.split("\n")[0].split() == ["|", "second", "|", "a", "b", "|"]
    assert rows(text) == [["0.50", "1"], ["", "2"]]


def test_the_deviation_over_seeds_comes_before_any_other():
    table = pd.DataFrame(
        {"x": [1.0, 2.0, 3.0], "x_deviation": [0.25, None, None], "x_std": [0.5, 0.75, None]}
    )
    shown = markdown(table, [Column("x", digits=2, deviation="x_std")])
    assert rows(shown) == [["1.00 ± 0.25"], ["2.00 ± 0.75"], ["3.00"]]
    assert rows(markdown(table, [Column("x", digits=2)])) == [["1.00 ± 0.25"], ["2.00"], ["3.00"]]
