import hashlib

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from regen.data.catalog import DATASETS
from regen.data.digits import embedded_digits, upsample

SIZES = DATASETS["digits"].sizes


@pytest.fixture(scope="module")
def splits():
    return embedded_digits(SIZES)


def test_shapes_types_and_sizes(splits):
    assert [len(images.pixels) for images in splits.values()] == [1297, 250, 250]
    for images in splits.values():
        assert images.pixels.shape[1:] == (1, 28, 28)
        assert images.pixels.dtype == torch.uint8
        assert images.labels.shape == images.pixels.shape[:1]
        assert images.labels.dtype == torch.int64


def test_the_splits_are_the_source_each_image_once(splits):
    source = load_digits()
    together = torch.cat([images.pixels for images in splits.values()])
    labels = torch.cat([images.labels for images in splits.values()])
    all_at_once = upsample(torch.from_numpy(source.images).unsqueeze(1) / 16)

    def rows(pixels):
        return sorted(zip(map(bytes, pixels.numpy().reshape(len(pixels), -1)), strict=True))

    assert rows(together) == rows(all_at_once)
    assert labels.bincount().tolist() == np.bincount(source.target).tolist()


def test_labels_stay_with_their_images(splits):
    source = load_digits()
    upsampled = upsample(torch.from_numpy(source.images).unsqueeze(1) / 16)
    label_of = {bytes(x.numpy()): y for x, y in zip(upsampled, source.target, strict=True)}
    for images in splits.values():
        assert [label_of[bytes(x.numpy())] for x in images.pixels] == images.labels.tolist()


def test_every_class_is_in_every_split(splits):
    for images in splits.values():
        assert images.labels.bincount(minlength=10).min() >= len(images.labels) / 20


def test_the_split_never_changes(splits):
    """The digits are a fixed data set: neither the seed of a run nor a new NumPy moves an image."""
    torch.manual_seed(5)
    np.random.seed(5)
    labels = torch.cat([images.labels for images in embedded_digits(SIZES).values()])
    assert torch.equal(labels, torch.cat([images.labels for images in splits.values()]))
    assert hashlib.sha256(bytes(labels.tolist())).hexdigest() == (
        "06bff8c997abbcaf243956159e0b64ddddb392dc201b5a39d05650b6218632be"
    )


def test_the_pixels_never_change(splits):
    """But for what bicubic kernels round differently, where a value lies halfway between two levels."""
    sums = [images.pixels.long().sum().item() for images in splits.values()]
    assert sums == pytest.approx([36_485_558, 6_957_321, 7_004_981], abs=300)


def test_another_side_is_another_size_of_the_same(splits):
    for split, images in embedded_digits(SIZES, side=56).items():
        assert images.pixels.shape[1:] == (1, 56, 56)
        assert torch.equal(images.labels, splits[split].labels)
        small = torch.nn.functional.avg_pool2d(images.pixels.double(), 2)
        assert (small - splits[split].pixels).abs().mean() < 3


def test_upsampling_keeps_flat_images_and_fades_at_the_border():
    full = upsample(torch.ones(1, 1, 8, 8, dtype=torch.float64))
    assert full[0, 0, 8:20, 8:20].min() == 255
    assert full[0, 0, [0, -1]].max() == full[0, 0, :, [0, -1]].max() == 0
    assert upsample(torch.zeros(1, 1, 8, 8)).max() == 0


def test_upsampling_is_centred_and_fills_as_much_as_mnist():
    full = upsample(torch.ones(1, 1, 8, 8, dtype=torch.float64))[0, 0]
    assert torch.equal(full, full.flip(0))
    assert torch.equal(full, full.T)
    assert 18 <= (full[14] > 127).sum() <= 20


def test_the_whole_range_is_used(splits):
    pixels = splits["train"].pixels
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert 0.1 < (pixels > 127).double().mean() < 0.2  # MNIST: 0.13
