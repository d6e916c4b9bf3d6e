"""The distance over the strength of corruptions: a panel each, above the images that are so corrupted."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from regen.corruptions import KINDS
from regen.figures.corruptions import PANELS, draw, draw_distances
from regen.figures.grids import tile
from regen.params import FigureFiles

pytestmark = pytest.mark.usefixtures("style")

STRENGTHS = {"blur": [0, 0.5, 2], "noise": [0, 8, 16, 32], "mixing": [0, 0.25], "missing": [0, 1, 3]}
FLOOR = 0.5


def scores_of(distance="frechet_distance", extractor="classifier"):
    return pd.DataFrame(
        {"corruption": kind, "strength": strength, distance: FLOOR * (1 + place) ** 2}
        | {"extractor": extractor, "samples": 60, "reference_images": 80}
        for kind, strengths in STRENGTHS.items()
        for place, strength in enumerate(strengths)
    )


def examples_of(shape=(1, 8, 8)):
    generator = torch.Generator().manual_seed(0)
    return {
        kind: torch.randint(256, (len(strengths), 4, *shape), generator=generator).to(torch.uint8)
        for kind, strengths in STRENGTHS.items()
    }


def panels_of(figure):
    """Return the axes of the curve and of the images of each corruption."""
    axes = figure.axes
    return dict(zip(PANELS, zip(axes[: len(PANELS)], axes[len(PANELS) :], strict=True), strict=True))


def test_there_is_a_panel_for_each_corruption():
    assert tuple(PANELS) == KINDS


def test_distances_stand_above_their_strengths_beside_the_floor():
    panels = panels_of(draw_distances(scores_of(), examples_of(), "digits"))
    for kind, (above, _) in panels.items():
        floor, curve = above.get_lines()
        assert set(floor.get_ydata()) == {FLOOR}
        count = len(STRENGTHS[kind])
        np.testing.assert_array_equal(curve.get_xdata(), range(count))
        np.testing.assert_allclose(curve.get_ydata(), [FLOOR * n**2 for n in range(1, count + 1)])
        assert curve.get_marker() == "o"
        assert [text.get_text() for text in above.get_xticklabels()] == [f"{x:g}" for x in STRENGTHS[kind]]
        assert (above.get_title(loc="left"), above.get_xlabel()) == PANELS[kind]
    assert len({above.get_ylim() for above, _ in panels.values()}) == 1


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8)])
def test_a_column_of_images_for_each_strength_under_its_point(shape):
    examples = examples_of(shape)
    figure = draw_distances(scores_of(), examples, "digits")
    figure.canvas.draw()
    for kind, (above, below) in panels_of(figure).items():
        (shown,) = below.get_images()
        picture = np.asarray(shown.get_array()).reshape(*shown.get_size(), -1)
        by_rows = examples[kind].transpose(0, 1).flatten(0, 1)
        np.testing.assert_array_equal(picture, tile(by_rows, len(STRENGTHS[kind])).numpy())
        for place in range(len(STRENGTHS[kind])):
            point, _ = above.transData.transform((place, FLOOR))
            middle, _ = below.transData.transform((10 * (place + 0.5) - 0.5, 0))  # a tile has 8 + 2 pixels
            assert abs(point - middle) < 0.25 * above.bbox.width / len(STRENGTHS[kind])


@pytest.mark.parametrize(
    ("distance", "extractor", "name"),
    [
        ("frechet_distance", "classifier", "Frechet distance\n(classifier)"),
        ("fid", "inception-torchvision", "FID\n(inception-torchvision)"),
    ],
)
def test_it_says_what_was_measured_on_what(distance, extractor, name):
    figure = draw_distances(scores_of(distance, extractor), examples_of(), "digits (copy)")
    assert figure.axes[0].get_ylabel() == name
    assert figure.get_suptitle().startswith("digits (copy): 60 training images, corrupted, against 80 test")


def test_a_distance_that_is_not_finite_leaves_a_gap():
    scores = scores_of().astype({"frechet_distance": object})
    scores.loc[1, "frechet_distance"] = "not finite"
    above, _ = panels_of(draw_distances(scores, examples_of(), "digits"))["blur"]
    np.testing.assert_allclose(above.get_lines()[1].get_ydata(), [FLOOR, np.nan, 9 * FLOOR])


def test_its_file_is_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        draw(scores_of(), examples_of(), "digits", tmp_path / name, FigureFiles(dpi=50, formats=["png"]))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert plt.get_fignums() == []
