from dataclasses import replace
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from regen.artifacts import AttentionMap
from regen.figures.attention import (
    Records,
    draw,
    draw_overview,
    lengths_figure,
    losses_figure,
    maps_figure,
)
from regen.params import FigureFiles

FILES = FigureFiles(dpi=50, formats=["png"])
HISTORY = pd.DataFrame(
    {"seed": seed, "epoch": epoch, "train_loss": 2.0 / epoch, "valid_loss": seed / epoch}
    | {"valid_accuracy": 1 - 0.5 / epoch}
    for seed in (1, 3)
    for epoch in (1, 2)
)
LENGTHS = pd.DataFrame(
    {
        "seed": seed,
        "quarter": quarter,
        "shortest": shortest,
        "longest": longest,
        "bleu": 10.0 * quarter + seed,
    }
    for seed in (1, 3)
    for quarter, shortest, longest in ((1, 4, 4), (2, 4, 6), (3, 6, 7), (4, 8, 12))
)
ONE = Records("one: attention, forcing 1", "dates", HISTORY, LENGTHS)
OTHER = Records("other: no attention, forcing 1", "dates", HISTORY, LENGTHS.assign(bleu=5.0))


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def attention(rows, columns, swapped=()):
    """Return a map of words that are known by their places."""
    return AttentionMap(
        [f"s{i}" for i in range(columns)],
        [f"t{i}" for i in range(rows)],
        "",
        torch.rand(rows, columns, generator=torch.Generator().manual_seed(rows)),
        [row in swapped for row in range(rows)],
    )


def texts(labels):
    return [label.get_text() for label in labels]


def test_a_map_has_the_words_on_both_axes_and_all_weights():
    found = attention(4, 3)
    (axes,) = maps_figure([found]).axes
    assert texts(axes.get_xticklabels()) == found.source
    assert texts(axes.get_yticklabels()) == found.translation
    (image,) = axes.get_images()
    assert np.array_equal(image.get_array(), found.weights.numpy())
    assert (image.norm.vmin, image.norm.vmax) == (0, 1)


def test_swapped_words_stand_out_and_are_explained():
    figure = maps_figure([attention(4, 3, swapped=(1, 2))], "some run")
    (axes,) = figure.axes
    bold = [label.get_text() for label in axes.get_yticklabels() if label.get_fontweight() == "bold"]
    assert bold == ["t1", "t2"]
    assert len({label.get_color() for label in axes.get_yticklabels()}) == 2
    assert "another order" in figure.get_suptitle()
    assert "another order" not in maps_figure([attention(4, 3)], "some run").get_suptitle()


@pytest.mark.parametrize("sizes", [[(4, 3)] * 8, [(20, 21), (3, 2), (9, 30)], [(3, 2)]])
def test_a_word_is_as_large_in_every_map_and_no_two_words_overlap(sizes):
    figure = maps_figure([attention(*size) for size in sizes], "some run")
    figure.set_layout_engine("constrained")
    figure.canvas.draw()
    assert len(figure.axes) == len(sizes)
    cells = {
        tuple(np.diff(axes.transData.transform([(0, 0), (1, 1)]), axis=0)[0].round(3)) for axes in figure.axes
    }
    widths, heights = zip(*cells, strict=True)
    assert max(widths) < 1.15 * min(widths)
    for axes in figure.axes:
        boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
        assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
        assert all(box.x0 >= 0 for box in boxes)
    assert max(-np.array(heights)) == pytest.approx(max(widths), rel=0.15)


def test_losses_are_means_of_the_seeds_with_a_band_from_least_to_most():
    (axes,) = losses_figure([ONE, OTHER]).axes
    line = axes.get_lines()[0]
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([1, 2], [2, 1])
    band = axes.collections[0].get_paths()[0].vertices
    assert sorted({float(y) for x, y in band if x == 1}) == [1, 3]


def test_bleu_by_length_has_the_deviation_over_the_seeds():
    (axes,) = lengths_figure([ONE, OTHER]).axes
    assert texts(axes.get_xticklabels()) == ["4 words", "4 to 6 words", "6 to 7 words", "8 to 12 words"]
    line, _, (bars,) = axes.containers[0].lines
    assert list(line.get_ydata()) == [12, 22, 32, 42]
    first = bars.get_segments()[0][:, 1]
    assert first[1] - first[0] == pytest.approx(2 * np.std([1, 3], ddof=1))


def test_one_seed_is_not_called_a_mean():
    first = replace(ONE, history=HISTORY[HISTORY["seed"] == 1], lengths=LENGTHS[LENGTHS["seed"] == 1])
    for draw_figure in (losses_figure, lengths_figure):
        assert "Means" in draw_figure([ONE])._suptitle.get_text().title()
        assert draw_figure([first])._suptitle.get_text().endswith("One seed each.")


def test_runs_on_other_data_have_a_panel_of_their_own():
    runs = [ONE, OTHER, Records("third: attention, forcing 0", "books", HISTORY, LENGTHS)]
    for figure in (losses_figure(runs), lengths_figure(runs)):
        dates, books = figure.axes
        assert [axes.get_title("left") or axes.get_title() for axes in (dates, books)] == ["dates", "books"]
        (legend,) = figure.legends
        assert texts(legend.get_texts()) == [run.label for run in runs]


def test_a_run_has_one_look_in_both_figures_and_no_other_has_it():
    curves, bleu = losses_figure([ONE, OTHER]).axes[0], lengths_figure([ONE, OTHER]).axes[0]
    drawn = [*curves.get_lines()], [container.lines[0] for container in bleu.containers]
    looks = [
        [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines] for lines in drawn
    ]
    assert looks[0] == looks[1]
    assert len(set(looks[0])) == 2


def test_what_is_written(tmp_path):
    draw([attention(4, 3)], HISTORY, "with", tmp_path / "with", FILES)
    draw([], HISTORY[HISTORY["seed"] == 1], "without", tmp_path / "without", FILES)
    draw_overview([ONE], tmp_path / "all", FILES)
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert written == {
        "with/attention.png",
        "with/learning_curves.png",
        "without/learning_curves.png",
        "all/learning_curves.png",
        "all/bleu_by_length.png",
    }
