"""What the figure of the GANs' distances shows: a line a run, its seeds, and in one panel what compares."""

import numpy as np
import pandas as pd
import pytest

from regen.figures.distances import distances, draw
from regen.params import FigureFiles

pytestmark = pytest.mark.usefixtures("style")

FILES = FigureFiles(dpi=50, formats=["png"])
STEPS = [20, 40, 60]


def scores_of(values, distance="frechet_distance", extractor="classifier", reference="digits, test"):
    columns = {"step": STEPS, "extractor": extractor, "reference": reference, distance: values}
    return pd.DataFrame(columns)


def two_seeds(one, other):
    return pd.concat([scores_of(one).assign(seed=1), scores_of(other).assign(seed=2)], ignore_index=True)


def caption(figure):
    return figure._suptitle.get_text()


def test_a_line_is_the_mean_of_the_seeds_and_the_band_goes_from_the_least_to_the_largest():
    runs = {"one": two_seeds([9.0, 4.0, 3.0], [7.0, 6.0, 1.0]), "other": scores_of([8.0, 7.0, 6.0])}
    figure = distances(runs)
    (axes,) = figure.axes
    both, single = axes.get_lines()
    np.testing.assert_array_equal(both.get_xydata(), [(20, 8), (40, 5), (60, 2)])
    np.testing.assert_array_equal(single.get_xydata(), [(20, 8), (40, 7), (60, 6)])
    corners = axes.collections[0].get_paths()[0].vertices
    assert {tuple(corner) for corner in corners} == {(20, 9), (20, 7), (40, 6), (40, 4), (60, 3), (60, 1)}
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(runs)
    assert "Bands: from the least seed to the largest" in caption(figure)


def test_one_seed_each_has_no_means_to_tell_of():
    assert "One seed each" in caption(distances({"one": scores_of([9.0, 4.0, 3.0])}))


def test_what_does_not_compare_has_a_panel_of_its_own():
    values = [9.0, 4.0, 3.0]
    others = {
        "FID (inception-v3-compat) to digits, test": scores_of(values, "fid", "inception-v3-compat"),
        "Frechet distance (classifier) to cats, test": scores_of(values, reference="cats, test"),
    }
    runs = {"one": scores_of(values), "two": scores_of(values)} | others
    panels = distances(runs).axes
    titles = ["Frechet distance (classifier) to digits, test", *others]
    assert [axes.get_title(loc="left") for axes in panels] == titles
    assert [len(axes.get_lines()) for axes in panels] == [2, 1, 1]


def test_a_seed_that_is_not_finite_leaves_a_gap_in_the_mean():
    (axes,) = distances({"one": two_seeds([9.0, "not finite", 3.0], [7.0, 6.0, 1.0])}).axes
    np.testing.assert_array_equal(axes.get_lines()[0].get_ydata(), [8.0, np.nan, 2.0])


def test_runs_without_scores_are_not_drawn(tmp_path):
    unscored = pd.DataFrame({"step": [], "metric": []}, dtype=object)
    draw({"none": unscored}, tmp_path / "none", FILES)
    assert not (tmp_path / "none").exists()
    draw({"one": scores_of([9.0, 4.0, 3.0]), "none": unscored}, tmp_path / "one", FILES)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["distances.png"]
