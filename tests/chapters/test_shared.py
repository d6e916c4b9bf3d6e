import math

import pandas as pd
import pytest

from regen.chapters.shared import over_seeds, seeds_note


def test_means_over_seeds_by_step():
    table = pd.DataFrame(
        {
            "seed": [1, 1, 2, 2],
            "step": [20, 40, 20, 40],
            "metric": [1.0, 2.0, 3.0, 5.0],
            "extractor": "classifier",
            "frechet_distance": [4.0, "not finite", 8.0, 6.0],
        }
    )
    found = over_seeds(table, "step")
    assert found["step"].tolist() == [20, 40]
    assert found["metric"].tolist() == [2.0, 3.5]
    assert found["extractor"].tolist() == ["classifier"] * 2
    assert found["frechet_distance"].tolist() == pytest.approx([6.0, math.nan], nan_ok=True)
    assert "seed" not in found


def test_without_seeds_nothing_changes():
    table = pd.DataFrame({"step": [20, 40], "metric": [1.0, "not finite"]})
    assert over_seeds(table, "step") is table


def test_a_note_names_the_runs_of_several_seeds():
    several = {"a": {"x": 1.0, "x_deviation": 0.1}, "b": {"x": 1.0}, "c": {"seeds": 3, "x_deviation": 0.1}}
    assert seeds_note(several).strip().startswith("**Several seeds:** `a`, `c` (3).")
    assert seeds_note({"b": {"x": 1.0}}) == ""
