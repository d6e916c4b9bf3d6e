import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from regen.figures import save_figure, use_style


def drawn():
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1, 2], [0, 1, 0], label="validation")
    ax.imshow(np.linspace(0, 1, 64).reshape(8, 8), extent=(0, 2, 0, 1), aspect="auto")
    ax.legend()
    return figure


@pytest.fixture
def picture(tmp_path):
    with use_style():
        save_figure(drawn(), tmp_path / "a" / "figure.png", dpi=80)
    return tmp_path / "a" / "figure.png"


def test_the_picture_opens_and_has_its_size_and_few_colours(picture):
    with Image.open(picture) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "P", (240, 160))
        assert 10 < len(image.getcolors()) <= 256
        blue = np.abs(np.asarray(image.convert("RGB")).astype(int) - [0x00, 0x72, 0xB2]).max(-1)
    assert (blue < 40).sum() > 20  # the style's first colour: the line
    assert [path.name for path in picture.parent.iterdir()] == ["figure.png"]


def test_equal_figures_have_equal_bytes(picture, tmp_path):
    with use_style():
        save_figure(drawn(), tmp_path / "again.png", dpi=80)
    assert (tmp_path / "again.png").read_bytes() == picture.read_bytes()


def test_few_colours_are_no_visible_loss(picture, tmp_path):
    with use_style():
        figure = drawn()
        figure.savefig(tmp_path / "full.png", dpi=80)
        plt.close(figure)
    with Image.open(picture) as few, Image.open(tmp_path / "full.png") as full:
        difference = np.abs(
            np.asarray(few.convert("RGB")).astype(int) - np.asarray(full.convert("RGB")).astype(int)
        )
    assert difference.mean() < 1
    assert np.quantile(difference, 0.999) < 24


def test_the_figure_is_closed_even_if_it_cannot_be_saved(tmp_path):
    (tmp_path / "file").write_text("in the way of a folder")
    with use_style(), pytest.raises(OSError, match="file"):
        save_figure(drawn(), tmp_path / "file" / "figure.png", dpi=50)
    assert plt.get_fignums() == []


def test_the_style_ends_with_its_context():
    before = mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]
    with use_style():
        assert (mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]) == (True, 9)
        assert mpl.get_backend().lower() == "agg"
    assert (mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]) == before
