import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from regen.figures import use_style
from regen.vae import figures
from regen.vae.figures import Artifacts, draw, learning_curves
from regen.vae.training import VaeLearner
from vae.small import random_images, vae_of

SHAPE = (1, 8, 8)


def history_of(seeds=(1, 2), epochs=3):
    names = [f"{split}_{term}" for split in ("train", "valid") for term in VaeLearner.terms]
    rows = [
        {"epoch": epoch, **{name: 10.0 * seed + i - epoch for i, name in enumerate(names)}, "seed": seed}
        for seed in seeds
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows)


def artifacts_of(shape=SHAPE, images=40, history=None, **changes):
    vae, generator = vae_of(shape, **changes), torch.Generator().manual_seed(0)
    snapshots = {
        epoch: torch.randint(256, (64, *shape), dtype=torch.uint8, generator=generator) for epoch in (0, 1, 3)
    }
    history = history_of() if history is None else history
    return Artifacts(vae, snapshots, history, random_images(images, vae.encoder[0].in_features))


@pytest.mark.parametrize("planar_layers", [0, 2])
def test_the_three_figures(tmp_path, planar_layers):
    draw(artifacts_of(planar_layers=planar_layers), "tiny", tmp_path / "figures", dpi=50)
    files = sorted((tmp_path / "figures").iterdir())
    assert [file.name for file in files] == ["learning_curves.png", "reconstructions.png", "samples.png"]
    for file in files:
        with Image.open(file) as image:
            image.verify()
        with Image.open(file) as image:
            assert image.format == "PNG"
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_figures_are_the_same_every_time(tmp_path):
    for name in ("one", "two"):
        draw(artifacts_of(), "tiny", tmp_path / name, dpi=50)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_run_of_one_epoch_and_seed_on_few_images_in_colour(tmp_path):
    draw(artifacts_of((3, 4, 4), 8, history_of(seeds=[5], epochs=1)), "tiny", tmp_path, dpi=50)
    assert len(list(tmp_path.glob("*.png"))) == 3


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


def test_samples_are_those_that_training_kept(monkeypatch, tmp_path):
    seen = []
    snapshots = figures.snapshots
    monkeypatch.setattr(
        figures, "snapshots", lambda shown, title: seen.append(shown) or snapshots(shown, title)
    )
    run = artifacts_of()
    draw(run, "tiny", tmp_path, dpi=50)
    assert seen == [run.snapshots]


@pytest.mark.parametrize("planar_layers", [0, 2])
def test_images_stand_over_their_own_reconstructions(monkeypatch, planar_layers):
    grids = []
    monkeypatch.setattr(figures, "image_grid", lambda images, _columns, _title: grids.append(images))
    run = artifacts_of(images=16, planar_layers=planar_layers, encoder_gain=2.0)
    figures.reconstructions(run, "tiny")
    (grid,) = grids
    assert grid.shape == (32, *SHAPE)
    assert grid.dtype == torch.uint8
    with torch.no_grad():
        means = run.vae.decode(run.vae.centre(run.test / 255)).sigmoid() * 255
    for row, expected in enumerate([run.test[:8], means[:8], run.test[8:], means[8:]]):
        shown = grid[8 * row : 8 * row + 8].flatten(1).float()
        torch.testing.assert_close(shown, expected.float(), rtol=0, atol=0.51)
