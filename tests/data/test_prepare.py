import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from regen.artifacts.datasets import SPLITS, Images, read_dataset, write_dataset
from regen.data.catalog import DATASETS, DatasetEntry, RemoteFile
from regen.data.prepare import READERS, prepare_dataset
from regen.data.readers import read_idx
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


@pytest.fixture
def one_file(monkeypatch, mirror, idx):
    """A data set of one file, for which the mirror has other bytes, of another size."""
    other = idx(np.arange(5)[:, None, None] + np.zeros((28, 28)))
    mirror.files = {"set.bin": other}
    file = RemoteFile("set.bin", "0" * 64, len(other) // 2, names=("set.bin",))
    entry = DatasetEntry((1, 28, 28), (5, 0, 0), None, files=(file,), mirrors=(mirror.url,))
    monkeypatch.setitem(DATASETS, "one_file", entry)
    monkeypatch.setitem(READERS, "one_file", _read_one_file)
    return other


def _read_one_file(paths, _):
    return {"train": Images(torch.from_numpy(read_idx(paths["set.bin"])).unsqueeze(1), None)}


def test_other_bytes_are_taken_under_the_users_checksum_and_said(one_file, downloads, hasty):
    checksum = hashlib.sha256(one_file).hexdigest()
    dataset = prepare_dataset("one_file", None, downloads, hasty, sha256=checksum.upper())
    assert dataset.splits["train"].pixels[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert list(dataset.splits) == ["train"]
    assert dataset.source == f"downloaded: set.bin sha256:{checksum} (not the official bytes)"
    assert DATASETS["one_file"].files[0].sha256 == "0" * 64


@pytest.mark.usefixtures("one_file")
@pytest.mark.parametrize("sha256", [None, "1" * 64])
def test_other_bytes_are_not_taken_unless_the_checksum_is_theirs(downloads, hasty, sha256):
    with pytest.raises(RunError, match=r"^set\.bin: no mirror has this file"):
        prepare_dataset("one_file", None, downloads, hasty, sha256=sha256)


def test_even_other_bytes_do_not_fill_the_disk(one_file, mirror, downloads, hasty):
    mirror.files["set.bin"] = endless = one_file * 100
    with pytest.raises(RunError, match="wrong bytes: more than the"):
        prepare_dataset("one_file", None, downloads, hasty, sha256=hashlib.sha256(endless).hexdigest())


def test_the_official_checksum_is_no_other(one_file, monkeypatch, downloads, hasty):
    checksum = hashlib.sha256(one_file).hexdigest()
    official = DATASETS["one_file"].files[0]
    file = replace(official, sha256=checksum, size=len(one_file))
    monkeypatch.setitem(DATASETS, "one_file", replace(DATASETS["one_file"], files=(file,)))
    dataset = prepare_dataset("one_file", None, downloads, hasty, sha256=checksum)
    assert dataset.source == f"downloaded: set.bin sha256:{checksum}"


@pytest.mark.parametrize(
    ("name", "sha256", "message"),
    [
        (
            "mnist",
            "a" * 64,
            f"'{'a' * 64}': mnist is made of 4 files; allowed for a data set of one file only",
        ),
        ("binarized_mnist", "a" * 64, "binarized_mnist is made of 3 files; allowed"),
        ("digits", "a" * 64, "digits is embedded; allowed for a data set of one file only"),
        ("cifar10", "a" * 63, f"'{'a' * 63}': should be the 64 hexadecimal digits"),
        ("cifar10", "g" * 64, f"'{'g' * 64}': should be the 64 hexadecimal digits"),
        ("cifar10", "", "'': should be the 64 hexadecimal digits"),
        ("cifar10", "a" * 64 + "\n", "should be the 64 hexadecimal digits"),
    ],
)
def test_a_checksum_that_makes_no_sense_is_refused(downloads, name, sha256, message):
    with pytest.raises(InputError) as caught:
        prepare_dataset(name, None, downloads, sha256=sha256)
    assert str(caught.value).startswith(f"params.yaml: data.sha256.{name}: ")
    assert message in str(caught.value)
    assert not downloads.exists()


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
