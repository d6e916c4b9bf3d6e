import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from regen.figures.depth import draw, draw_gradients, draw_losses
from regen.params import FigureFiles

DEPTHS = (1, 2, 4)
LAYERS = pd.DataFrame(
    {"norm": norm, "depth": depth, "layer": layer, "gradient": 2.0**-layer * depth}
    | {"gradient_least": 2.0**-layer * depth / 3, "gradient_most": 2.0**-layer * depth * 3}
    for norm in ("post", "pre")
    for depth in DEPTHS
    for layer in range(depth + 1)
)
LOSSES = pd.DataFrame(
    {"norm": norm, "depth": depth, "seed": seed, "step": step, "loss": step / depth + seed}
    for norm in ("post", "pre")
    for depth in DEPTHS
    for seed in (1, 3)
    for step in (10, 20)
)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def lines(axes):
    """Return the lines of an axes by their label."""
    return {line.get_label(): line for line in axes.get_lines()}


def test_a_line_a_depth_over_its_layers_on_one_logarithmic_scale():
    post, pre = draw_gradients(LAYERS).axes
    assert post.get_ylim() == pre.get_ylim()
    assert post.get_title().startswith("post-norm")
    for axes in (post, pre):
        assert axes.get_yscale() == "log"
        for depth in DEPTHS:
            x, y = lines(axes)[f"{depth} blocks"].get_data()
            assert list(x) == list(range(depth + 1))
            assert y == pytest.approx(2.0 ** -np.asarray(x) * depth)
        assert len(axes.collections) == 3


def test_the_bands_go_from_the_least_seed_to_the_largest():
    post, _ = draw_gradients(LAYERS).axes
    deepest = post.collections[0].get_paths()[0].vertices  # the deepest first
    assert deepest[:, 0].max() == 4
    assert sorted({float(y) for x, y in deepest if x == 2}) == pytest.approx([1 / 3, 3])


def test_losses_are_means_of_the_seeds_beside_the_loss_of_guessing():
    figure = draw_losses(LOSSES, words=7)
    for axes in figure.axes:
        drawn = lines(axes)
        x, y = drawn["2 blocks"].get_data()
        assert (list(x), list(y)) == ([10, 20], [7, 12])
        assert any(set(line.get_ydata()) == {math.log(7)} for line in drawn.values())
    assert "means of 2 seeds" in figure.get_suptitle()
    assert "one of 7 words" in figure.get_suptitle()
    assert "one seed" in draw_losses(LOSSES[LOSSES["seed"] == 1], 7).get_suptitle()


def test_a_depth_has_one_look_in_both_figures_and_panels_and_no_other_has_it():
    figures = draw_gradients(LAYERS), draw_losses(LOSSES, 7)
    looks = [
        [
            (line.get_color(), line.get_linestyle())
            for name, line in lines(axes).items()
            if name.endswith("blocks")
        ]
        for figure in figures
        for axes in figure.axes
    ]
    assert all(each == looks[0] for each in looks)
    assert len({tuple(colour) for colour, _ in looks[0]}) == 3
    assert [text.get_text() for text in figures[1].axes[0].get_legend().get_texts()] == [
        "1 blocks", "2 blocks", "4 blocks"
    ]  # fmt: skip


def test_a_single_depth_is_drawn(tmp_path):
    layers, losses = (table[table["depth"] == 2] for table in (LAYERS, LOSSES))
    draw(layers, losses, 7, tmp_path, FigureFiles(dpi=50, formats=["png"]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gradients.png", "losses.png"]
