import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images

from regen.artifacts.datasets import SPLITS, Images
from regen.data.catalog import DATASETS
from regen.data.digits import embedded_digits
from regen.data.digits_color import SHIFT, TILE, coloured_digits, photograph_tiles
from regen.data.prepare import prepare_dataset

SIZES = DATASETS["digits_color"].sizes
COPIES = (4, 1, 4)


@pytest.fixture(scope="module")
def digits():
    return embedded_digits(DATASETS["digits"].sizes, side=32)


@pytest.fixture(scope="module")
def splits(digits):
    return coloured_digits(digits, SIZES)


@pytest.fixture(scope="module")
def tiles():
    return photograph_tiles()


def over(mask, count=1000):
    """Return the data set that is made of one image instead of digits."""
    images = Images(torch.as_tensor(mask, dtype=torch.uint8).expand(count, 1, 32, 32), None)
    return coloured_digits(dict.fromkeys(SPLITS, images), (4 * count, count, count))


def test_shapes_types_and_sizes(splits):
    assert list(splits) == list(SPLITS)
    for images, size in zip(splits.values(), SIZES, strict=True):
        assert images.pixels.shape == (size, 3, 32, 32)
        assert images.pixels.dtype == torch.uint8
        assert images.pixels.is_contiguous()
        assert images.labels.shape == (size,)


def test_the_splits_are_those_of_the_digits_each_so_many_times(splits):
    grey = embedded_digits(DATASETS["digits"].sizes)
    for split, copies in zip(SPLITS, COPIES, strict=True):
        assert splits[split].labels.tolist() == grey[split].labels.tolist() * copies


def test_every_image_shows_its_own_digit(splits, digits):
    """Over a flat background nothing but the digit is seen: there it must be the right one, if shifted."""
    for split, copies in zip(SPLITS, COPIES, strict=True):
        pixels = splits[split].pixels.double()
        border = torch.cat([pixels[:, :, 0], pixels[:, :, -1]], -1)
        flat = (border.std(-1).amax(1) < 2) & ((border.mean((1, 2)) - 128).abs() > 80)
        background = border.mean(-1)[:, :, None, None]
        masks = digits[split].pixels.repeat(copies, 1, 1, 1).double()
        inverted = (background - masks).abs()[flat]
        errors = [
            (pixels[flat] - inverted.roll((down, right), (2, 3))).abs().mean((1, 2, 3))
            for down in range(-SHIFT, SHIFT + 1)
            for right in range(-SHIFT, SHIFT + 1)
        ]
        assert flat.sum() > 5
        assert (torch.stack(errors).amin(0) < 5).double().mean() > 0.95  # another digit: over 10


def test_strokes_invert_the_photograph():
    """MNIST-M's blend, |background - stroke|, without bytes that wrap around."""
    plain, inverted, half = (over(np.full((32, 32), level))["train"].pixels for level in (0, 255, 100))
    inner = slice(SHIFT, -SHIFT)
    assert torch.equal(255 - plain[..., inner, inner], inverted[..., inner, inner])
    difference = (plain.int() - 100).abs()
    assert torch.equal(difference[..., inner, inner], half[..., inner, inner].int())


def test_digits_are_shifted_evenly_each_way():
    dot = np.zeros((32, 32))
    dot[16, 16] = 255
    for split, plain in over(np.zeros((32, 32))).items():
        changed = (over(dot)[split].pixels != plain.pixels).all(1)  # no byte b has |b - 255| = b
        assert changed.sum((1, 2)).unique().tolist() == [1]
        _, rows, columns = changed.nonzero(as_tuple=True)
        places = ((rows - 16 + SHIFT) * (2 * SHIFT + 1) + columns - 16 + SHIFT).bincount(minlength=25)
        assert len(places) == 25
        assert places.min() > 0.6 * len(rows) / 25


def test_tiles_are_the_photographs_each_in_one_split(tiles):
    sets = [{tile.tobytes() for tile in tiles[split]} for split in SPLITS]
    assert [len(tiles[split]) for split in SPLITS] == [80, 20, 20]
    assert sum(map(len, sets)) == len(set.union(*sets)) == 120
    whole = [photograph[y : y + TILE, x : x + TILE] for photograph in load_sample_images().images
             for y in range(0, 6 * TILE, TILE) for x in range(0, 10 * TILE, TILE)]  # fmt: skip
    assert {tile.tobytes() for tile in whole} == set.union(*sets)


def test_backgrounds_are_of_the_splits_own_tiles(tiles):
    for split, images in over(np.zeros((32, 32))).items():
        windows = np.lib.stride_tricks.sliding_window_view(tiles[split], 32, axis=2)  # (T, 64, 33, 3, 32)
        known = {window.tobytes() for window in windows.reshape(-1, 3, 32)}
        for row in (0, 31):
            assert {line.tobytes() for line in images.pixels[:, :, row].numpy()} <= known


def test_the_copies_of_a_digit_have_different_backgrounds():
    pixels = over(np.zeros((32, 32)))["train"].pixels.reshape(4, 1000, -1)
    for one in range(4):
        for other in range(one):
            assert (pixels[one] == pixels[other]).all(1).double().mean() < 0.05


def test_splits_look_alike_and_have_colour(splits):
    means = torch.stack([images.pixels.double().mean((0, 2, 3)) for images in splits.values()])
    assert (means.amax(0) - means.amin(0)).max() < 10
    for images in splits.values():
        spread = images.pixels.amax(1).double() - images.pixels.amin(1).double()
        assert (spread.mean((1, 2)) > 30).double().mean() > 0.4


def test_digits_stand_out(splits, digits):
    """On most images the stroke differs from its surroundings by a good part of the range."""
    for split, copies in zip(SPLITS, COPIES, strict=True):
        grey = splits[split].pixels.double().mean(1)
        masks = digits[split].pixels.squeeze(1).repeat(copies, 1, 1)
        stroke, around = (
            (grey * where).sum((1, 2)) / where.sum((1, 2)) for where in (masks > 200, masks < 10)
        )
        assert ((stroke - around).abs() > 50).double().mean() > 0.7


def test_the_data_set_never_changes(splits, downloads):
    torch.manual_seed(5)
    np.random.seed(5)
    again = prepare_dataset("digits_color", None, downloads)
    assert again.source == "embedded in scikit-learn"
    for split, images in splits.items():
        assert torch.equal(again.splits[split].pixels, images.pixels)
        assert torch.equal(again.splits[split].labels, images.labels)
    # JPEG decoders may differ by a level or so, and that is all
    means = [images.pixels.double().mean().item() for images in splits.values()]
    assert means == pytest.approx([105.066, 102.429, 100.407], abs=0.2)
