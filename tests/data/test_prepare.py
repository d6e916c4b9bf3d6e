import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regen.data.catalog import DATASETS, RemoteFile
from regen.data.images import SPLITS, read_dataset, write_dataset
from regen.data.prepare import READERS, prepare_dataset
from regen.errors import InputError, RunError

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not on this machine")


def listed(contents):
    """Return catalog entries for the files' contents."""
    return tuple(
        RemoteFile(name, hashlib.sha256(data).hexdigest(), len(data), names=(f"{name}.gz", name))
        for name, data in contents.items()
    )


@pytest.fixture
def small_mnist(monkeypatch, mirror, idx, gz):
    """An MNIST of 12 + 4 images whose pixels and labels tell their number, served gzipped."""
    contents = {}
    for part, count in (("train", 12), ("t10k", 4)):
        contents[f"{part}-images-idx3-ubyte"] = idx(np.arange(count)[:, None, None] + np.zeros((28, 28)))
        contents[f"{part}-labels-idx1-ubyte"] = idx(np.arange(count) % 10)
    mirror.files = {f"{name}.gz": gz(data) for name, data in contents.items()}
    entry = replace(DATASETS["mnist"], sizes=(9, 3, 4), files=listed(contents), mirrors=(mirror.url,))
    monkeypatch.setitem(DATASETS, "mnist", entry)
    return entry


def test_every_data_set_has_a_reader():
    assert set(READERS) == set(DATASETS)


@pytest.mark.usefixtures("small_mnist")
def test_the_last_of_train_are_valid(downloads, hasty):
    splits = prepare_dataset("mnist", None, downloads, hasty).splits
    numbers = {split: images.pixels[:, 0, 5, 5].tolist() for split, images in splits.items()}
    assert numbers == {"train": [*range(9)], "valid": [9, 10, 11], "test": [*range(4)]}
    assert splits["valid"].labels.tolist() == [9, 0, 1]
    assert splits["train"].labels.dtype == torch.int64


def test_binary_pixels_are_0_and_255(monkeypatch, mirror, amat, downloads, hasty):
    bits = {split: np.random.default_rng(3).integers(0, 2, (5, 784)) for split in SPLITS}
    contents = {f"binarized_mnist_{split}.amat": amat(array) for split, array in bits.items()}
    mirror.files = dict(contents)
    entry = replace(
        DATASETS["binarized_mnist"], sizes=(5, 5, 5), files=listed(contents), mirrors=(mirror.url,)
    )
    monkeypatch.setitem(DATASETS, "binarized_mnist", entry)
    for split, images in prepare_dataset("binarized_mnist", None, downloads, hasty).splits.items():
        assert images.labels is None
        assert images.pixels.shape == (5, 1, 28, 28)
        assert np.array_equal(images.pixels.reshape(5, 784).numpy(), bits[split] * 255)


def test_a_source_of_another_size_is_refused(small_mnist, monkeypatch, downloads, hasty):
    monkeypatch.setitem(DATASETS, "mnist", replace(small_mnist, sizes=(9, 2, 4)))
    with pytest.raises(InputError, match=r"mnist: valid: the source holds images of shape \(3, 1, 28, 28\)"):
        prepare_dataset("mnist", None, downloads, hasty)


@pytest.mark.usefixtures("small_mnist")
def test_the_users_mirrors_are_asked_before_the_public_ones(
    mirror, new_mirror, downloads, hasty, monkeypatch
):
    own, variable = new_mirror(), new_mirror()
    monkeypatch.setenv("REGEN_DATA_MIRROR", variable.url)
    own.files = {name: data for name, data in mirror.files.items() if name.startswith("train")}
    variable.files = {name: data for name, data in mirror.files.items() if "images" in name}
    prepare_dataset("mnist", own.url, downloads, hasty)
    found = [
        [name for name in mirror.files if any(request.sent for request in server.asked(name))]
        for server in (own, variable, mirror)
    ]
    assert found == [
        ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"],
        ["t10k-images-idx3-ubyte.gz"],
        ["t10k-labels-idx1-ubyte.gz"],
    ]


@pytest.mark.usefixtures("small_mnist")
def test_a_rerun_needs_no_mirror_and_gives_the_same_bytes(mirror, downloads, hasty, tmp_path):
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    write_dataset(first, prepare_dataset("mnist", None, downloads, hasty))
    asked = len(mirror.requests)
    write_dataset(second, prepare_dataset("mnist", "/nowhere", downloads, hasty))
    assert len(mirror.requests) == asked
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.usefixtures("small_mnist")
def test_no_mirror_left_is_an_error_that_names_the_file(mirror, downloads, hasty):
    mirror.files.clear()
    with pytest.raises(RunError, match=r"^train-images-idx3-ubyte: no mirror"):
        prepare_dataset("mnist", None, downloads, hasty)


def test_digits_need_no_mirror_but_a_wrong_one_is_named(downloads):
    dataset = prepare_dataset("digits", None, downloads)
    assert "embedded" in dataset.source
    assert not downloads.exists()
    with pytest.raises(InputError, match=r"data\.mirror: 'ftp://x'"):
        prepare_dataset("digits", "ftp://x", downloads)


@needs_shared
def test_mnist_as_published(downloads, tmp_path):
    dataset = prepare_dataset("mnist", str(SHARED / "mnist"), downloads)
    write_dataset(tmp_path / "mnist.safetensors", dataset)
    splits = read_dataset(tmp_path / "mnist.safetensors").splits
    assert [len(images.pixels) for images in splits.values()] == [55_000, 5_000, 10_000]
    assert splits["train"].labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert splits["test"].labels[:5].tolist() == [7, 2, 1, 0, 4]
    together = torch.cat([splits["train"].pixels, splits["valid"].pixels])
    assert together.double().mean() / 255 == pytest.approx(0.1307, abs=5e-5)  # as everyone normalises it


@needs_shared
def test_binarized_mnist_as_published(downloads):
    splits = prepare_dataset("binarized_mnist", str(SHARED / "binarized_mnist"), downloads).splits
    assert [len(images.pixels) for images in splits.values()] == [50_000, 10_000, 10_000]
    means = [images.pixels.double().mean().item() / 255 for images in splits.values()]
    assert means == pytest.approx([0.1306, 0.1311, 0.1325], abs=5e-5)
    assert splits["test"].pixels.unique().tolist() == [0, 255]
