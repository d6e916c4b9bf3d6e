import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from regen.errors import InputError
from regen.figures import vae as figures
from regen.figures.style import use_style
from regen.figures.vae import Artifacts, draw, learning_curves
from regen.params import Figures, Interpolation
from regen.vae.training import VaeLearner
from vae.small import random_images, vae_of

SHAPE, COLOUR = (1, 8, 8), (3, 4, 4)
SETTINGS = Figures(dpi=50, formats=["png"], interpolation=Interpolation(classes=[2, 8], steps=4), manifold=5)
ALWAYS = {"learning_curves", "reconstructions", "samples"}
PLANE = {"codes", "manifold"}
WALKS = {"interpolation"}


def history_of(seeds=(1, 2), epochs=3):
    names = [f"{split}_{term}" for split in ("train", "valid") for term in VaeLearner.terms]
    rows = [
        {"epoch": epoch, **{name: 10.0 * seed + i - epoch for i, name in enumerate(names)}, "seed": seed}
        for seed in seeds
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows)


def artifacts_of(shape=SHAPE, images=40, history=None, labels=True, **changes):
    vae, generator = vae_of(shape, **changes), torch.Generator().manual_seed(0)
    snapshots = {
        epoch: torch.randint(256, (64, *shape), dtype=torch.uint8, generator=generator) for epoch in (0, 1, 3)
    }
    history = history_of() if history is None else history
    classes = torch.arange(images) % 10 if labels else None
    return Artifacts(vae, snapshots, history, random_images(images, math.prod(shape)), classes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"planar_layers": 2}, ALWAYS | PLANE | WALKS),
        ({"labels": False, "shape": COLOUR}, ALWAYS | PLANE),
        ({"latent": 3, "shape": COLOUR}, ALWAYS | WALKS),
        ({"latent": 1, "labels": False}, ALWAYS),
    ],
)
def test_the_figures_that_there_are_of_a_run(tmp_path, changes, expected):
    draw(artifacts_of(**changes), "tiny", tmp_path / "figures", SETTINGS)
    files = list((tmp_path / "figures").iterdir())
    assert {file.name for file in files} == {f"{name}.png" for name in expected}
    assert plt.get_fignums() == []
    for file in files:
        with Image.open(file) as image:
            image.verify()
        with Image.open(file) as image:
            assert image.format == "PNG"
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_figures_are_the_same_every_time(tmp_path):
    settings = SETTINGS.model_copy(update={"formats": ["png", "pdf"]})
    for name in ("one", "two"):
        draw(artifacts_of(), "tiny", tmp_path / name, settings)
    assert len(list((tmp_path / "one").glob("*.pdf"))) == len(ALWAYS | PLANE | WALKS)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_run_of_one_epoch_and_seed_on_few_images_in_colour(tmp_path):
    few = artifacts_of(COLOUR, 9, history_of(seeds=[5], epochs=1))
    draw(few, "tiny", tmp_path, SETTINGS)
    assert len(list(tmp_path.glob("*.png"))) == 6


def test_classes_that_the_data_does_not_have_end_it_before_anything_is_written(tmp_path):
    walk = Interpolation(classes=[2, 11], steps=4)
    with pytest.raises(
        InputError, match=r"figures.interpolation.classes: \[2, 11\]: no test image is of class 11"
    ):
        draw(
            artifacts_of(), "tiny", tmp_path / "figures", SETTINGS.model_copy(update={"interpolation": walk})
        )
    assert list(tmp_path.iterdir()) == []
    assert plt.get_fignums() == []


def test_a_network_that_differs_in_training_is_drawn_as_in_evaluation(tmp_path):
    run = artifacts_of()
    run.vae.decoder.append(torch.nn.Dropout(0.9))
    run.vae.encoder.append(torch.nn.Dropout(0.9))
    for name in ("trained", "evaluated"):
        draw(run, "tiny", tmp_path / name, SETTINGS)
        assert not run.vae.training
    for file in (tmp_path / "trained").iterdir():
        assert file.read_bytes() == (tmp_path / "evaluated" / file.name).read_bytes()


def test_every_seed_has_its_curve_and_every_split_its_label():
    table = history_of(seeds=(4, 1, 9))
    with use_style():
        figure = learning_curves(table, "tiny")
    for ax, term in zip(figure.axes, VaeLearner.terms, strict=True):
        for split, style in (("train", "--"), ("valid", "-")):
            drawn = {tuple(line.get_ydata()) for line in ax.lines if line.get_linestyle() == style}
            assert drawn == {tuple(each[f"{split}_{term}"]) for _, each in table.groupby("seed")}
        assert all(line.get_xdata().tolist() == [1, 2, 3] for line in ax.lines)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["train", "valid"]
    plt.close(figure)


def test_the_first_of_many_epochs_does_not_flatten_the_others():
    for epochs, seen in ((8, True), (30, False)):
        table = history_of(epochs=epochs)
        table.loc[table["epoch"] == 1, "valid_kl"] = 1e4
        with use_style():
            ax = learning_curves(table, "tiny").axes[2]
        low, high = ax.get_ylim()
        assert (high > 1e4) == seen
        assert low < table["train_kl"].min() < table["train_kl"].max() < high
    plt.close("all")


def test_curves_of_one_epoch_are_points():
    with use_style():
        figure = learning_curves(history_of(seeds=[1], epochs=1), "tiny")
    assert {line.get_marker() for line in figure.axes[0].lines} == {"o"}
    plt.close(figure)


def test_samples_are_those_that_training_kept(monkeypatch, tmp_path):
    seen = []
    snapshots = figures.snapshots
    monkeypatch.setattr(
        figures, "snapshots", lambda shown, title: seen.append(shown) or snapshots(shown, title)
    )
    run = artifacts_of()
    draw(run, "tiny", tmp_path, SETTINGS)
    assert seen == [run.snapshots]


@pytest.mark.parametrize("planar_layers", [0, 2])
def test_images_stand_over_their_own_reconstructions(monkeypatch, planar_layers):
    grids = []
    monkeypatch.setattr(figures, "show", lambda _ax, images, _columns, _title: grids.append(images))
    run = artifacts_of(images=20, planar_layers=planar_layers, encoder_gain=2.0)
    figures.reconstructions(run, "tiny")
    plt.close("all")
    with torch.no_grad():
        means = run.vae.decode(run.vae.centre(run.test / 255)).sigmoid() * 255
    assert [len(grid) for grid in grids] == [16, 16, 8]
    for i, grid in enumerate(grids):
        assert (grid.dtype, grid.shape[1:]) == (torch.uint8, SHAPE)
        above, below = grid.flatten(1).double().chunk(2)
        torch.testing.assert_close(above, run.test[8 * i : 8 * i + 8].double())
        torch.testing.assert_close(below, means[8 * i : 8 * i + 8], rtol=0, atol=0.51)
