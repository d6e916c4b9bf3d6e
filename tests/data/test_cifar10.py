import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from regen.artifacts.datasets import read_dataset, write_dataset
from regen.data.catalog import DATASETS
from regen.data.cifar10 import read_cifar10
from regen.data.prepare import prepare_dataset
from regen.errors import InputError

FOLDER = "cifar-10-batches-bin"
BATCHES = [f"{FOLDER}/data_batch_{number}.bin" for number in range(1, 6)] + [f"{FOLDER}/test_batch.bin"]
COUNT = 4  # images a batch


@pytest.fixture
def pixels():
    return np.random.default_rng(5).integers(0, 256, (6 * COUNT, 3, 32, 32), np.uint8)


@pytest.fixture
def members(pixels):
    """The files of a small CIFAR-10, in the upstream order; image k has the label k modulo 10."""
    labels = (np.arange(6 * COUNT) % 10).astype(np.uint8)
    records = np.concatenate([labels[:, None], pixels.reshape(len(pixels), -1)], axis=1)
    parts = [part.tobytes() for part in np.split(records, 6)]
    order = [0, 3, 1, 4, 2, 5]
    return {
        f"{FOLDER}/batches.meta.txt": b"airplane\n",
        **{BATCHES[k]: parts[k] for k in order},
        f"{FOLDER}/readme.html": b"<html>",
    }


@pytest.fixture
def archive(tmp_path, tgz, members):
    """Return a function that writes the members, some of them changed or (None) left out."""

    def write(changes=None):
        path = tmp_path / "cifar-10-binary.tar.gz"
        kept = {name: data for name, data in {**members, **(changes or {})}.items() if data is not None}
        path.write_bytes(tgz(kept))
        return path

    return write


def test_images_and_labels_come_in_the_order_of_their_batches(archive, pixels):
    splits = read_cifar10(archive())
    assert list(splits) == ["train", "test"]
    assert np.array_equal(splits["train"].pixels.numpy(), pixels[: 5 * COUNT])
    assert np.array_equal(splits["test"].pixels.numpy(), pixels[5 * COUNT :])
    assert splits["train"].labels.tolist() == [k % 10 for k in range(5 * COUNT)]
    assert splits["test"].labels.tolist() == [k % 10 for k in range(5 * COUNT, 6 * COUNT)]
    for images in splits.values():
        assert (images.pixels.dtype, images.labels.dtype) == (torch.uint8, torch.int64)
        images.pixels.zero_()  # its own memory, which may be written


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_that_is_not_there_is_named(archive, name):
    path = archive({name: None})
    with pytest.raises(InputError) as caught:
        read_cifar10(path)
    assert str(caught.value) == f"{path}: lacks {name}"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "12,291 bytes are not records of 3,073"),
        (lambda data: data + b"?", "12,293 bytes are not records of 3,073"),
        (lambda _: b"", "0 bytes are not records of 3,073"),
        (lambda data: data[:3073] + b"\x0a" + data[3074:], "label 10 in record 2, of 10 classes"),
        (
            lambda data: data[: 3 * 3073] + b"\xff" + data[3 * 3073 + 1 :],
            "label 255 in record 4, of 10 classes",
        ),
    ],
)
@pytest.mark.parametrize("name", [BATCHES[2], BATCHES[5]])
def test_a_damaged_batch_is_named(archive, members, name, damage, message):
    path = archive({name: damage(members[name])})
    with pytest.raises(InputError) as caught:
        read_cifar10(path)
    assert str(caught.value) == f"{path}: {name}: damaged: {message}"


def test_an_archive_that_is_cut_off_is_named(archive):
    path = archive()
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(InputError, match=f"^{path}: damaged or cut off at '{FOLDER}/"):
        read_cifar10(path)


def test_from_mirror_to_file_there_is_no_valid_split(
    archive, pixels, mirror, monkeypatch, downloads, tmp_path
):
    content = archive().read_bytes()
    mirror.files["cifar-10-binary.tar.gz"] = content
    official = DATASETS["cifar10"]
    entry = replace(
        official,
        sizes=(5 * COUNT, 0, COUNT),
        files=(replace(official.files[0], sha256=hashlib.sha256(content).hexdigest(), size=len(content)),),
        mirrors=(mirror.url,),
    )
    monkeypatch.setitem(DATASETS, "cifar10", entry)
    write_dataset(tmp_path / "cifar10.safetensors", prepare_dataset("cifar10", None, downloads))
    dataset = read_dataset(tmp_path / "cifar10.safetensors")
    assert list(dataset.splits) == ["train", "test"]
    assert np.array_equal(dataset.splits["train"].pixels.numpy(), pixels[: 5 * COUNT])
    assert "official" not in dataset.source

    monkeypatch.setitem(DATASETS, "cifar10", replace(entry, sizes=(5 * COUNT, 1, COUNT)))
    with pytest.raises(
        InputError, match=r"cifar10: valid: the source holds images of shape \(0, 3, 32, 32\)"
    ):
        prepare_dataset("cifar10", None, downloads)
