"""All measurements together: what decides them, and what is published of them."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from regen import artifacts
from regen.artifacts.files import NEGLIGIBLE, at_most
from regen.figures.theory import draw
from regen.params import FigureFiles
from regen.theory.measure import measure, summary
from regen.theory.streams import stream
from theory.small import SETTINGS, settings


def test_streams_differ_by_seed_and_place():
    first = [stream(*place).random() for place in [(1, "a"), (2, "a"), (1, "b"), (1, "a", 0), (1, 0, "a")]]
    assert len(set(first)) == 5
    assert stream(1, "a").random() == first[0]


@pytest.mark.parametrize(
    ("error", "expected"),
    [(0.0, 1e-9), (2e-13, 1e-9), (1e-9, 1e-9), (2e-9, 1e-8), (1e-3, 1e-3), (4.0, 10.0), (math.inf, math.inf)],
)
def test_at_most(error, expected):
    assert at_most(error) == pytest.approx(expected, abs=0)


def test_the_seed_decides_all_and_torch_s_stream_is_kept(tables):
    torch.manual_seed(7)
    again = measure(SETTINGS, seed=1)
    drawn = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(1))
    for name, table in vars(tables).items():
        pd.testing.assert_frame_equal(table, getattr(again, name))
    other = measure(settings(problems=2, repeats=2), seed=2)
    random = {name for name, table in vars(other).items() if not table.equals(getattr(tables, name))}
    assert random == set(vars(tables))


def test_the_figures_that_claims_are_judged_by(tables, tmp_path):
    artifacts.write_metrics(tmp_path / "summary.json", summary(tables))
    found = json.loads((tmp_path / "summary.json").read_text())
    assert (found["kl_zero"], found["kl_fifty"], found["bernoulli_as_printed"]) == (0, 50, "not finite")
    assert found["kl_difference"] == NEGLIGIBLE
    assert found["objective_difference"] == NEGLIGIBLE
    assert found["monte_carlo_log_error_grows_last"] > found["monte_carlo_log_error_grows_first"]
    assert found["first_reconstruction"] == pytest.approx(543.43, abs=25)
    assert [key for key, value in found.items() if isinstance(value, str)] == ["bernoulli_as_printed"]


def test_the_three_figures_from_saved_tables(tables, tmp_path):
    for name, table in vars(tables).items():
        artifacts.write_csv(tmp_path / f"{name}.csv", table)
    saved = [artifacts.read_csv(tmp_path / f"{name}.csv") for name in ("rate", "dimensions", "gradients")]
    for folder in ("one", "two"):
        draw(*saved, tmp_path / folder, FigureFiles(dpi=50, formats=["png"]))
    files = sorted((tmp_path / "one").iterdir())
    assert [file.name for file in files] == ["dimensions.png", "gradients.png", "rate.png"]
    for file in files:
        with Image.open(file) as image:
            assert len(np.unique(np.asarray(image.convert("L")))) > 10
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
