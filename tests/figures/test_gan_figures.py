"""What the figures show: a curve an axis, samples by epoch or step, animations that are always the same."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgba
from PIL import Image

from gan.small import learner_of, networks_of, pixels_of, run_of
from regen.figures.gan import (
    DISTANCE_COLOUR,
    METRIC_COLOUR,
    PAIRS,
    SMALL,
    WALK,
    Artifacts,
    Curves,
    draw,
    draw_overview,
    interpolation,
    losses,
    overview,
    picture,
    progress,
    save_animation,
    ways,
)
from regen.figures.grids import FRAME, snapshots, tile
from regen.params import FigureFiles

pytestmark = pytest.mark.usefixtures("style")

FILES = FigureFiles(dpi=50, formats=["png"])
ALWAYS = {
    "final.png",
    "samples.png",
    "samples.gif",
    "interpolation.png",
    "interpolation.gif",
    "losses.png",
}
UNSCORED = pd.DataFrame({"step": [], "metric": []}, dtype=object)
EPOCHS = {"steps": None, "epochs": 6, "evaluate_every": 2}


def history_of(steps=60, steps_per_epoch=10, row=10, valid=False):
    step = np.arange(row, steps + 1, row)
    columns = {"step": step, "epoch": step / steps_per_epoch, "train_metric": 0.6 - step / 200}
    columns |= {"train_critic_loss": step / 10, "train_penalty": 0.0, "train_generator_loss": -step / 20}
    if valid:
        columns |= {"valid_critic_loss": step / 9, "valid_generator_loss": -step / 18}
    return pd.DataFrame(columns)


def evaluations_of(distance="frechet_distance", extractor="classifier", values=(90.0, 40.0, 30.0)):
    return pd.DataFrame(
        {
            "step": [20, 40, 60],
            "metric": [0.5, 0.4, 0.3],
            "extractor": extractor,
            distance: values,
        }
    )


def curves_of(kind="residual", evaluations=None, valid=False, **changes):
    scores = evaluations_of() if evaluations is None else evaluations
    return Curves(run_of(kind, **changes), history_of(valid=valid), scores)


def artifacts_of(kind="residual", shape=(3, 8, 8), **changes):
    curves = curves_of(kind, **changes)
    generator, _ = networks_of(curves.run, shape)
    return Artifacts(
        curves, generator.eval(), {step: pixels_of(100, shape, step) for step in (0, 10, 40, 60)}
    )


# ---- curves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distance", "extractor", "name"),
    [
        ("frechet_distance", "classifier", "Frechet distance (classifier)"),
        ("fid", "inception-torchvision", "FID (inception-torchvision)"),
    ],
)
@pytest.mark.parametrize(("loss", "metric"), [("jsd", "estimate of JSD (nats)"), ("w1", "estimate of W1")])
def test_metric_and_distance_have_an_axis_each_that_says_what_it_is(loss, metric, distance, extractor, name):
    curves = curves_of(loss=loss, evaluations=evaluations_of(distance, extractor))
    left, right = progress(curves, "tiny").axes
    assert (left.get_ylabel(), right.get_ylabel()) == (metric, name)
    assert left.get_xlabel() == "generator steps"
    for ax, colour in ((left, METRIC_COLOUR), (right, DISTANCE_COLOUR)):
        assert to_rgba(ax.yaxis.label.get_color()) == to_rgba(colour)
        assert {to_rgba(line.get_color()) for line in ax.get_lines()} == {to_rgba(colour)}
    trained, scored = left.get_lines()
    np.testing.assert_array_equal(trained.get_xydata(), curves.history[["step", "train_metric"]])
    np.testing.assert_array_equal(scored.get_xydata(), curves.evaluations[["step", "metric"]])
    np.testing.assert_array_equal(right.get_lines()[0].get_xydata(), curves.evaluations[["step", distance]])


def test_a_classifiers_distance_is_never_called_an_fid():
    for figure in (progress(curves_of(), "tiny"), overview({"one": curves_of(), "two": curves_of()})):
        assert not [text for text in figure.findobj(plt.Text) if "FID" in text.get_text()]


def test_a_score_that_is_not_finite_leaves_a_gap():
    left, right = progress(curves_of(evaluations=evaluations_of(values=(90.0, "not finite", 30.0))), "").axes
    np.testing.assert_array_equal(right.get_lines()[0].get_ydata(), [90.0, np.nan, 30.0])
    assert left.get_ylim()[0] < 0.3 < 0.5 < left.get_ylim()[1]


def test_what_comes_before_a_run_settles_has_no_say_in_the_axis():
    curves = curves_of()
    history = pd.DataFrame({"step": range(1, 101), "epoch": 1.0, "train_metric": [1e9] * 10 + [0.4] * 90})
    left, _ = progress(Curves(curves.run, history, curves.evaluations), "tiny").axes
    assert left.get_ylim()[1] < 1


@pytest.mark.parametrize(("count", "panels"), [(1, 1), (2, 2), (3, 3), (5, 6)])
def test_the_overview_has_a_panel_a_run_and_distances_share_an_axis(count, panels):
    metrics = ["jsd", "jsd", "jsd", "w1", "w1"]
    runs = {
        f"run {i}": curves_of(loss=metrics[i], evaluations=evaluations_of(values=(90.0 + i, 40.0, 30.0)))
        for i in range(count)
    }
    figure = overview(runs)
    left, right = figure.axes[:panels], figure.axes[panels:]
    assert [ax.get_visible() for ax in left] == [i < count for i in range(panels)]
    assert [ax.get_title(loc="left") for ax in left[:count]] == list(runs)
    assert len(right) == count
    assert len({ax.get_ylim() for ax in right}) == 1
    assert right[0].get_ylim()[1] > 90 + count - 1
    names = {"jsd": "estimate of JSD (nats)", "w1": "estimate of W1"}
    assert [ax.get_ylabel() for ax in left[:count]] == [names[metric] for metric in metrics[:count]]
    below = [i for i in range(count) if i + 3 >= count]
    assert [i for i in range(count) if left[i].get_xlabel()] == below


def test_fids_and_other_distances_share_no_axis():
    inception = curves_of(evaluations=evaluations_of("fid", "inception-v3-compat", (900.0, 400.0, 300.0)))
    *_, one, other = overview({"one": curves_of(), "two": inception}).axes
    assert one.get_ylim()[1] < 200 < 900 < other.get_ylim()[1]


def test_runs_without_scores_are_not_in_the_overview(tmp_path):
    runs = {"one": curves_of(), "two": curves_of(evaluations=UNSCORED)}
    draw_overview(runs, tmp_path / "some", FILES)
    assert [path.name for path in (tmp_path / "some").iterdir()] == ["overview.png"]
    draw_overview({"two": runs["two"]}, tmp_path / "none", FILES)
    assert list((tmp_path / "none").iterdir()) == []


def test_losses_of_both_players_over_epochs_with_held_out_images():
    curves = curves_of("mlp", valid=True, **EPOCHS)
    for ax, player in zip(losses(curves, "tiny").axes, ("critic", "generator"), strict=True):
        assert (ax.get_title(loc="left"), ax.get_xlabel()) == (player, "epoch")
        for line, split in zip(ax.get_lines(), ("train", "valid"), strict=True):
            assert line.get_label() == split
            np.testing.assert_array_equal(
                line.get_xydata(), curves.history[["epoch", f"{split}_{player}_loss"]]
            )


def test_losses_by_steps_tell_of_the_penalty():
    critic, generator = losses(curves_of(penalty="r1", penalty_coefficient=1.0), "tiny").axes
    assert critic.get_xlabel() == generator.get_xlabel() == "step"
    assert [line.get_label() for line in critic.get_lines()] == ["train, with its penalty"]
    assert [line.get_label() for line in generator.get_lines()] == ["train"]


# ---- images ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "changes", "names"),
    [
        ("residual", {}, ["before training", "step 10", "step 40", "step 60"]),
        ("mlp", EPOCHS, ["before training", "epoch 1", "epoch 4", "epoch 6"]),
    ],
)
def test_the_strip_says_when_its_samples_were_taken(kind, changes, names):
    run = artifacts_of(kind, **changes)
    counted = {at if kind == "residual" else at // 10: images for at, images in run.snapshots.items()}
    figure = snapshots(counted, "tiny", SMALL, run.curves.unit)
    assert [ax.get_title(loc="left") for ax in figure.axes] == names


@pytest.mark.parametrize("steps", [2, 10])
def test_ways_keep_to_where_the_priors_draws_are(steps):
    start, end = torch.randn(2, 500, 40, generator=torch.Generator().manual_seed(0))
    codes = ways(start, end, steps)
    torch.testing.assert_close(codes[0], start)
    torch.testing.assert_close(codes[-1], end)
    torch.testing.assert_close(codes.mean((1, 2)), torch.zeros(steps), rtol=0, atol=0.03)
    torch.testing.assert_close(codes.std((1, 2)), torch.ones(steps), rtol=0, atol=0.03)


def test_ways_lead_from_the_first_samples_shown():
    run = run_of("mlp", **EPOCHS)
    learner = learner_of(run)
    generator = learner.evaluated()
    images = interpolation(Artifacts(curves_of("mlp", **EPOCHS), generator, {}))
    assert images.shape == (WALK, PAIRS, 3, 8, 8)
    first = learner.snapshot(generator)[: 2 * PAIRS].float()
    torch.testing.assert_close(images[[0, -1]].flatten(0, 1).float(), first, rtol=0, atol=0)


@pytest.mark.parametrize(("kind", "changes"), [("residual", {}), ("mlp", EPOCHS), ("dcgan", EPOCHS)])
@pytest.mark.parametrize("scored", [True, False])
def test_the_figures_that_there_are_of_a_run(tmp_path, kind, changes, scored):
    run = artifacts_of(kind, evaluations=None if scored else UNSCORED, **changes)
    draw(run, "tiny", tmp_path, FILES)
    assert {path.name for path in tmp_path.iterdir()} == ALWAYS | ({"progress.png"} if scored else set())
    assert plt.get_fignums() == []


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8)])
def test_animations_have_every_moment_and_the_same_bytes_each_time(tmp_path, shape):
    run = artifacts_of("mlp", shape, **EPOCHS)
    for folder in ("one", "two"):
        draw(run, "tiny", tmp_path / folder, FILES)
    for name, frames in (("samples.gif", 4), ("interpolation.gif", 2 * WALK - 2)):
        contents = {(tmp_path / folder / name).read_bytes() for folder in ("one", "two")}
        assert len(contents) == 1
        with Image.open(tmp_path / "one" / name) as gif:
            assert gif.n_frames == frames
            assert gif.info["loop"] == 0


def test_an_animation_shows_its_images_in_order(tmp_path):
    shown = [torch.full((4, 1, 8, 8), grey, dtype=torch.uint8) for grey in (0, 255)]
    save_animation([picture(images, 2, "words") for images in shown], [100, 200], tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as gif:
        for i, images in enumerate(shown):
            gif.seek(i)
            assert gif.info["duration"] == 100 * (i + 1)
            pixels = np.asarray(gif.convert("L"))[-20:]
            np.testing.assert_array_equal(pixels, tile(images, 2)[..., 0].numpy())
    assert {0, 255, FRAME} >= set(np.unique(pixels))


def test_a_failed_animation_leaves_nothing(tmp_path):
    with pytest.raises(AttributeError):
        save_animation([Image.new("L", (4, 4)), None], [100, 100], tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


def test_pictures_are_small():
    assert len(picture(pixels_of(SMALL**2), SMALL, "words").getcolors(256)) <= 128
