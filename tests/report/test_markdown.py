import math

import numpy as np
import pandas as pd
import pytest

from regen.report.markdown import cell, markdown, spread


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (np.float64("nan"), ""),
        ("not finite", "not finite"),
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
    ("mean", "deviation", "text"),
    [
        (1.23456, 0.0561, "1.235 ± 0.056"),
        (1.23456, None, "1.235"),
        (1.23456, math.nan, "1.235"),
        (1.23456, "not finite", "1.235"),
        (math.nan, 0.1, ""),
        (None, None, ""),
        ("not finite", 0.1, "not finite"),
    ],
)
def test_mean_and_deviation(mean, deviation, text):
    assert spread(mean, deviation, 3) == text


def test_the_columns_are_those_of_the_headings(rows):
    table = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": "hidden"})
    text = markdown(table, {"b": "second", "a": "first"})
    assert "hidden" not in text
    assert text.split("\n")[0].split() == ["|", "second", "|", "first", "|"]
    assert rows(text) == [["0.5", "1"], ["", "2"]]
