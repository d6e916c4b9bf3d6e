import math

import pandas as pd
import pytest

from regen.chapters.shared import over_seeds


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
