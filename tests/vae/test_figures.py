import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from regen.vae import figures
from regen.vae.figures import draw
from regen.vae.training import VaeLearner
from vae.small import random_images, vae_of

SHAPE = (1, 8, 8)


@pytest.fixture
def history():
    names = [f"{split}_{term}" for split in ("train", "valid") for term in VaeLearner.terms]
    return pd.DataFrame({"epoch": [1, 2, 3], **{name: [3.0, 2.0, 1.5] for name in names}})


def test_the_three_figures(tmp_path, history):
    draw(vae_of(SHAPE), random_images(40, 64), SHAPE, history, "tiny", tmp_path / "figures", dpi=50)
    files = sorted((tmp_path / "figures").iterdir())
    assert [file.name for file in files] == ["learning_curves.png", "reconstructions.png", "samples.png"]
    for file in files:
        with Image.open(file) as image:
            image.verify()
        with Image.open(file) as image:
            assert image.format == "PNG"
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_figures_are_the_same_every_time(tmp_path, history):
    vae = vae_of(SHAPE)
    for name in ("one", "two"):
        draw(vae, random_images(40, 64), SHAPE, history, "tiny", tmp_path / name, dpi=50)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_a_run_of_one_epoch_on_few_images_in_colour(tmp_path, history):
    shape = (3, 4, 4)
    draw(vae_of(shape), random_images(8, 48), shape, history.head(1), "tiny", tmp_path, dpi=50)
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_images_stand_over_their_own_reconstructions(monkeypatch):
    grids = []
    monkeypatch.setattr(figures, "image_grid", lambda images, _title: grids.append(images))
    vae, pixels = vae_of(SHAPE), random_images(16, 64)
    figures.reconstructions(vae, pixels, SHAPE, "tiny")
    (grid,) = grids
    assert grid.shape == (32, *SHAPE)
    x = pixels / 255
    with torch.no_grad():
        means = vae.decode(vae.posterior(x).mu).sigmoid()
    for row, expected in enumerate([x[:8], means[:8], x[8:], means[8:]]):
        torch.testing.assert_close(grid[8 * row : 8 * row + 8], expected.unflatten(1, SHAPE))
