import math

import numpy as np
import pandas as pd
import pytest

from regen.report.cells import cell, spread, texts
from regen.report.columns import Column


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (math.nan, ""),
        (np.float64("nan"), ""),
        ("not finite", "not finite"),
        ("a|b", "a|b"),
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
        (0.51234, 0.01234, None, "0.512 ± 0.012"),
        (0.61660, 0.000424, None, "0.6166 ± 0.0004"),
        (0.4, 0.566, None, "0.40 ± 0.57"),
        (1234.5, 67.8, None, "1234 ± 68"),
        (1.234e-5, 5e-7, None, "0.0000123 ± 0.0000005"),
        (0.5, 0.0, None, "0.5 ± 0"),
        (0.0, 0.25, None, "0.00 ± 0.25"),
        (math.inf, 0.25, None, "not finite ± 0.25"),
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


def test_the_deviation_over_seeds_comes_before_any_other():
    table = pd.DataFrame(
        {"x": [1.0, 2.0, 3.0], "x_deviation": [0.25, None, None], "x_std": [0.5, 0.75, None]}
    )
    assert texts(table, [Column("x", digits=2, deviation="x_std")]) == [
        ["1.00 ± 0.25"],
        ["2.00"],  # ± of another kind would look like it
        ["3.00"],
    ]
    assert texts(table[1:], [Column("x", digits=2, deviation="x_std")]) == [["2.00 ± 0.75"], ["3.00"]]
    assert texts(table, [Column("x", digits=2)]) == [["1.00 ± 0.25"], ["2.00"], ["3.00"]]
