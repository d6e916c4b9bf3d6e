import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from regen.figures import latent as latent_figures
from regen.figures.latent import (
    COLOURS,
    MARKERS,
    interpolation,
    manifold,
    plane,
    quantiles,
    scatter,
)
from regen.likelihood.interpolation import linear, spherical
from regen.params import Interpolation
from vae.small import random_images, vae_of

pytestmark = pytest.mark.usefixtures("style")

SHAPES = [(1, 8, 8), (3, 4, 4)]
WALK = Interpolation(classes=[2, 8], steps=10)


def labels_of(count):
    return torch.arange(count) % 10


@torch.no_grad()
def means_of(vae, codes):
    """Return the means of p(x|z) of codes (N, latent) as 0 to 255, (N, D)."""
    return (vae.decode(codes).sigmoid() * 255).numpy()


def shown_means(picture, vae, frame):
    """Return the images that a picture holds row by row, (N, D), each with a frame around it."""
    channels, height, width = vae.shape
    picture = torch.from_numpy(np.asarray(picture, dtype=np.float32)).reshape(*picture.shape[:2], channels)
    cells = picture.unflatten(1, (-1, width + 2 * frame)).unflatten(0, (-1, height + 2 * frame))
    images = cells.permute(0, 2, 4, 1, 3).flatten(0, 1)  # (rows, height, columns, width, C) before
    return images[..., frame : frame + height, frame : frame + width].flatten(1).numpy()


# ---- the latent plane --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 20, 101])
def test_quantiles_rise_and_mirror_and_divide_the_prior_equally(count):
    z = quantiles(count)
    assert (z.diff() > 0).all()
    torch.testing.assert_close(z, -z.flip(0))
    below = Normal(0.0, 1.0).cdf(z)
    torch.testing.assert_close(below, (torch.arange(count) + 0.5) / count)


def test_the_plane_lies_as_its_axes_say():
    z, codes = quantiles(4), plane(4)
    assert codes.shape == (4, 4, 2)
    for row in range(4):
        assert torch.equal(codes[row, :, 0], z)
        assert torch.equal(codes[:, row, 1], z.flip(0))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_manifold_shows_what_each_code_decodes_to(shape):
    vae = vae_of(shape, gain=3.0).eval()
    ax = manifold(vae, 5, "tiny").axes[0]
    z = quantiles(5)
    codes = torch.stack([torch.stack([z1, z2]) for z2 in z.flip(0) for z1 in z])
    assert shown_means(ax.images[0].get_array(), vae, 0) == pytest.approx(means_of(vae, codes), abs=0.51)


def test_ticks_stand_at_their_quantiles():
    ax = manifold(vae_of().eval(), 20, "tiny").axes[0]
    places = (torch.arange(20) + 0.5) / 20
    for ticks, labels in ((ax.get_xticks(), ax.get_xticklabels()), (ax.get_yticks(), ax.get_yticklabels())):
        named = [float(label.get_text().replace("\N{MINUS SIGN}", "-")) for label in labels]
        found = np.interp(ticks, places, quantiles(20))  # linear between neighbours, hence not exact
        np.testing.assert_allclose(found, np.clip(named, quantiles(20)[0], quantiles(20)[-1]), atol=0.03)


# ---- from one code to another ------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("shape", SHAPES)
def test_walks_show_images_and_what_lies_between_their_codes(shape):
    vae = vae_of(shape, seed=3, latent=5, gain=3.0, encoder_gain=6.0).eval()
    pixels, labels = random_images(40, math.prod(shape)), labels_of(40)
    figure = interpolation(vae, pixels, labels, WALK, "tiny")
    assert len(figure.axes) == 9  # three pairs: images 2 and 8, 12 and 18, 22 and 28
    for row in range(3):
        first, middle, last = (np.asarray(ax.images[0].get_array()) for ax in figure.axes[3 * row :][:3])
        for picture, index in ((first, 10 * row + 2), (last, 10 * row + 8)):
            np.testing.assert_equal(shown_means(picture, vae, 1), pixels[index : index + 1].numpy())
        codes = vae.centre(pixels[[10 * row + 2, 10 * row + 8]] / 255)
        expected = torch.cat([linear(*codes, 10), spherical(*codes, 10)])
        assert shown_means(middle, vae, 1) == pytest.approx(means_of(vae, expected), abs=0.51)
        line, arc = np.split(means_of(vae, expected), 2)
        assert np.abs(line - arc).max() > 3  # else they could stand in each other's row


# ---- classes -----------------------------------------------------------------------------------------


def test_every_class_has_its_own_colour_and_mark_at_its_codes():
    vae, pixels, labels = vae_of((1, 8, 8)).eval(), random_images(50, 64), labels_of(50)
    ax = scatter(vae, pixels, labels, "tiny").axes[0]
    assert len(set(COLOURS)) == len(set(MARKERS)) == 10
    assert len({line.get_marker() for line in ax.lines}) == len({line.get_color() for line in ax.lines}) == 10
    codes = vae.centre(pixels / 255).detach()
    for label, (line, text) in enumerate(zip(ax.lines, ax.texts, strict=True)):
        mine = codes[labels == label]
        np.testing.assert_allclose(line.get_xydata(), mine, atol=1e-12)
        assert text.get_text() == str(label)
        np.testing.assert_allclose(text.get_position(), mine.median(0).values, atol=1e-12)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [str(label) for label in range(10)]


def test_codes_of_data_without_labels_have_one_colour_and_say_so():
    figure = scatter(vae_of((1, 8, 8)).eval(), random_images(50, 64), None, "tiny")
    (line,) = figure.axes[0].lines
    assert len(line.get_xydata()) == 50
    assert figure.axes[0].get_legend() is None
    assert figure.get_suptitle() == "tiny\ncentres of q(z|x) of 50 test images; the data has no labels"


def test_of_many_codes_the_first_are_shown(monkeypatch):
    monkeypatch.setattr(latent_figures, "POINTS", 30)
    monkeypatch.setattr(latent_figures, "BATCH", 7)
    vae, pixels = vae_of((1, 8, 8)).eval(), random_images(50, 64)
    figure = scatter(vae, pixels, labels_of(50), "tiny")
    assert "of 30 test images, by class" in figure.get_suptitle()
    shown = np.concatenate([line.get_xydata() for line in figure.axes[0].lines])
    expected = vae.centre(pixels[:30] / 255).detach().numpy()
    np.testing.assert_allclose(np.sort(shown, axis=0), np.sort(expected, axis=0), atol=1e-12)
