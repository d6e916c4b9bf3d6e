import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from regen.figures.grids import image_grid, snapshots, tile
from regen.figures.style import RENDERERS, save_figure, use_style
from regen.params import FigureFiles

PNG = FigureFiles(dpi=80, formats=["png"])
BOTH = FigureFiles(dpi=80, formats=["png", "pdf"])


def drawn():
    figure, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1, 2], [0, 1, 0], label="validation")
    ax.imshow(np.linspace(0, 1, 64).reshape(8, 8), extent=(0, 2, 0, 1), aspect="auto")
    ax.legend()
    return figure


def random_images(*shape):
    return torch.randint(256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def picture(tmp_path):
    with use_style():
        save_figure(drawn(), tmp_path / "a" / "figure", PNG)
    return tmp_path / "a" / "figure.png"


def test_the_picture_opens_and_has_its_size_and_few_colours(picture):
    with Image.open(picture) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "P", (240, 160))
        assert 10 < len(image.getcolors()) <= 256
        blue = np.abs(np.asarray(image.convert("RGB")).astype(int) - [0x00, 0x72, 0xB2]).max(-1)
    assert (blue < 40).sum() > 20  # the style's first colour: the line
    assert [path.name for path in picture.parent.iterdir()] == ["figure.png"]


@pytest.mark.parametrize("formats", [["png", "pdf"], ["pdf", "png"]])
def test_equal_figures_have_equal_bytes_in_every_format(picture, tmp_path, formats):
    for name in ("one", "two"):
        with use_style():
            save_figure(drawn(), tmp_path / name / "figure", FigureFiles(dpi=80, formats=formats))
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["figure.pdf", "figure.png"]
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert (tmp_path / "one" / "figure.png").read_bytes() == picture.read_bytes()


def test_the_pdf_has_fonts_to_search_and_the_pixels_of_its_images(tmp_path):
    with use_style():
        save_figure(drawn(), tmp_path / "figure", BOTH)
    content = (tmp_path / "figure.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/FontFile2" in content  # TrueType
    assert b"/Type3" not in content
    sizes = re.findall(rb"/(?:Width|Height) (\d+)", content)
    assert sizes == [b"8", b"8"]
    assert b"/Interpolate true" not in content
    assert not re.search(rb"Date|matplotlib", content, re.IGNORECASE)


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


def test_colour_images_lose_little(tmp_path):
    images = random_images(16, 3, 8, 8)
    with use_style():
        save_figure(image_grid(images, 4, "colour", width=2.0), tmp_path / "figure", PNG)
    with Image.open(tmp_path / "figure.png") as image:
        assert image.mode == "P"
        shown = np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0).astype(int)
    colours = images.permute(0, 2, 3, 1).reshape(-1, 3).numpy().astype(int)
    nearest = np.abs(colours[:, None] - shown[None]).max(-1).min(1)
    assert np.quantile(nearest, 0.9) < 32  # random colours, 1,000 of them: the worst case for 256


def test_the_figure_is_closed_even_if_it_cannot_be_saved(tmp_path):
    (tmp_path / "file").write_text("in the way of a folder")
    with use_style(), pytest.raises(OSError, match="file"):
        save_figure(drawn(), tmp_path / "file" / "figure", PNG)
    assert plt.get_fignums() == []


def test_no_format_is_published_unless_all_are_made(tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("no PDF today")

    monkeypatch.setitem(RENDERERS, "pdf", broken)
    with use_style(), pytest.raises(ValueError, match="no PDF today"):
        save_figure(drawn(), tmp_path / "figure", BOTH)
    assert list(tmp_path.iterdir()) == []
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        (["pdf"], "png is required, since the page shows it; allowed: png, optionally with pdf"),
        ([], "png is required"),
        (["png", "png"], "duplicate value 'png'"),
        (["png", "svg"], "'png' or 'pdf'"),
    ],
)
def test_formats_that_make_no_sense(formats, message):
    with pytest.raises(ValidationError, match=message):
        FigureFiles(dpi=80, formats=formats)


def test_the_style_ends_with_its_context():
    before = mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]
    with use_style():
        assert (mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]) == (True, 9)
        assert mpl.get_backend().lower() == "agg"
    assert (mpl.rcParams["axes.grid"], mpl.rcParams["font.size"]) == before


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("frame", [0, 1])
def test_a_tiled_picture_has_every_image_in_its_place(channels, frame):
    images = random_images(5, channels, 4, 6)
    picture = tile(images, 3, frame)
    height, width = 4 + 2 * frame, 6 + 2 * frame
    assert picture.shape == (2 * height, 3 * width, channels)
    for i, image in enumerate(images):
        top, left = frame + i // 3 * height, frame + i % 3 * width
        assert torch.equal(picture[top : top + 4, left : left + 6].permute(2, 0, 1), image)


@pytest.mark.parametrize(("epochs", "shape"), [(1, (1, 1)), (4, (1, 4)), (5, (2, 3)), (8, (2, 4))])
def test_samples_of_many_epochs_stand_in_several_rows(epochs, shape):
    shown = {epoch: random_images(9, 3, 4, 4) for epoch in range(epochs)}
    with use_style():
        figure = snapshots(shown, "tiny", columns=3)
    assert figure.axes[0].get_gridspec().get_geometry() == shape
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[:epochs] == ["before training", *(f"epoch {epoch}" for epoch in range(1, epochs))]
    assert set(titles[epochs:]) <= {""}
    plt.close(figure)
