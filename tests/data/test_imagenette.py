import hashlib
import io
import itertools
import threading
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import functional

from regen.data.catalog import DATASETS
from regen.data.imagenette import AHEAD, SIDE, _in_parallel, read_imagenette, square
from regen.data.prepare import prepare_dataset
from regen.errors import InputError

ROOT = "imagenette2-160"
FOLDERS = sorted(f"n{number:08d}" for number in np.random.default_rng(6).choice(10**8, 10, replace=False))
read = partial(read_imagenette, classes=10, total=30)


def picture(random, size=(90, 70), mode="RGB"):
    """Return a smooth picture, which JPEG hardly changes."""
    small = random.integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).convert(mode)


def jpeg(image, format="JPEG"):
    file = io.BytesIO()
    image.save(file, format, quality=95)
    return file.getvalue()


@pytest.fixture(scope="module")
def members():
    """Two photographs a class for train and one for val, in a random order, and what else lies there."""
    random = np.random.default_rng(7)
    paths = [f"{ROOT}/{part}/{folder}/{name}.JPEG" for folder in FOLDERS for part, name in PARTS]
    random.shuffle(paths)
    others = {
        f"{ROOT}/noisy_imagenette.csv": b"path,label",
        f"{ROOT}/train/{FOLDERS[0]}/._a.JPEG": b"what macOS adds",
        f"{ROOT}/train/.DS_Store": b"and this",
    }
    return {**others, **{path: jpeg(picture(random)) for path in paths}}


PARTS = (("train", "b"), ("train", "a"), ("val", "c"))


@pytest.fixture
def archive(tmp_path, tgz, members):
    """Return a function that writes the members, some of them changed or (None) left out."""

    def write(changes=None, order=list):
        path = tmp_path / "imagenette2-160.tgz"
        kept = {name: data for name, data in {**members, **(changes or {})}.items() if data is not None}
        path.write_bytes(tgz({name: kept[name] for name in order(kept)}))
        return path

    return write


def test_folders_are_splits_and_classes_and_paths_the_order(archive, members):
    splits = read(archive())
    assert list(splits) == ["train", "test"]
    for split, part in (("train", "train"), ("test", "val")):
        paths = sorted(path for path in members if path.startswith(f"{ROOT}/{part}/n") and "._" not in path)
        images = splits[split]
        assert images.labels.tolist() == [FOLDERS.index(path.split("/")[2]) for path in paths]
        assert np.array_equal(images.pixels.numpy(), [square(members[path]) for path in paths])
        assert (images.pixels.dtype, images.labels.dtype) == (torch.uint8, torch.int64)
        assert images.pixels.is_contiguous()


def test_neither_workers_nor_the_archives_order_matter(archive):
    first = read(archive(), workers=1)
    for workers, order in ((2, sorted), (5, lambda names: sorted(names, reverse=True))):
        again = read(archive(order=order), workers=workers)
        for split, images in first.items():
            assert torch.equal(images.pixels, again[split].pixels)
            assert torch.equal(images.labels, again[split].labels)


@pytest.mark.parametrize(
    "size",
    [(160, 160), (213, 160), (160, 241), (161, 160), (64, 64), (65, 64), (64, 131), (30, 50), (500, 375)],
)
def test_squares_are_those_of_torchvision(size):
    content = jpeg(picture(np.random.default_rng(8), size))
    image = Image.open(io.BytesIO(content))
    expected = functional.center_crop(functional.resize(image, SIDE), [SIDE, SIDE])
    assert np.array_equal(square(content), functional.pil_to_tensor(expected).numpy())


def test_the_centre_is_kept():
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (95, 0, 205, 100))
    assert square(jpeg(image)).mean((1, 2)) == pytest.approx([0, 0, 254], abs=2)


def test_fine_stripes_come_out_grey_and_not_as_other_stripes():
    stripes = np.zeros((192, 192), np.uint8)
    stripes[:, ::2] = 255
    assert square(jpeg(Image.fromarray(stripes)))[:, :, 2:-2].std() < 20  # 127 if pixels were skipped


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours_than_rgb_become_rgb(mode):
    image = picture(np.random.default_rng(9))
    got = square(jpeg(image.convert(mode)))
    assert got.shape == (3, SIDE, SIDE)
    assert got.astype(int) == pytest.approx(
        square(jpeg(image.convert(mode).convert("RGB"))).astype(int), abs=8
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[: len(data) // 2], "damaged or unreadable: image file is truncated"),
        (lambda data: b"<html>" + data, "not a JPEG"),
        (lambda _: b"", "not a JPEG"),
        (lambda _: jpeg(Image.new("RGB", (80, 80)), "PNG"), "not a JPEG"),
        (
            lambda _: jpeg(Image.new("L", (9000, 1))),
            "damaged or unreadable: 9000x1 pixels, more than 8192",
        ),
    ],
)
def test_an_image_that_does_not_decode_is_named(archive, members, damage, message):
    name = f"{ROOT}/val/{FOLDERS[3]}/c.JPEG"
    path = archive({name: damage(members[name])})
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {name}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_an_archive_that_is_cut_off_is_named(archive, part):
    path = archive()
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(InputError, match=f"^{path}: (damaged or cut off at '{ROOT}/|cannot be read)"):
        read(path)


def test_a_member_that_leads_elsewhere_is_refused(archive):
    path = archive({f"{ROOT}/train/../../evil.JPEG": b""})
    with pytest.raises(InputError, match=r"evil\.JPEG': its name leads out of the archive"):
        read(path)


def test_another_number_of_classes_is_refused(archive, members):
    path = archive({name: None for name in members if FOLDERS[4] in name})
    with pytest.raises(InputError, match=f"^{path}: images of 9 classes, the catalog says 10$"):
        read(path)


def test_an_archive_of_something_else_is_refused(tmp_path, tgz):
    path = tmp_path / "imagenette2-160.tgz"
    path.write_bytes(tgz({"imagenette2-320/train/n00000001/a.JPEG": b""}))
    with pytest.raises(InputError, match="images of 0 classes"):
        read(path)


@pytest.mark.parametrize("workers", [1, 3])
def test_few_photographs_wait_at_a_time(workers):
    taken = itertools.count()
    results = _in_parallel(abs, (next(taken) for _ in range(1000)), workers)
    for done in range(1, 500):
        assert next(results) == done - 1
    assert next(taken) <= 499 + AHEAD * workers + 1
    results.close()


def test_no_worker_is_left_after_an_error(archive):
    before = threading.active_count()
    with pytest.raises(InputError):
        read(archive({f"{ROOT}/val/{FOLDERS[0]}/c.JPEG": b"?"}), workers=4)
    assert threading.active_count() == before


def test_from_a_folder_under_the_users_checksum(archive, monkeypatch, downloads, capsys):
    path = archive()
    monkeypatch.setitem(DATASETS, "imagenette", replace(DATASETS["imagenette"], sizes=(20, 0, 10)))
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    dataset = prepare_dataset("imagenette", str(path.parent), downloads, sha256=checksum)
    assert [tuple(images.pixels.shape) for images in dataset.splits.values()] == [
        (20, 3, 64, 64),
        (10, 3, 64, 64),
    ]
    assert dataset.source == f"downloaded: {path.name} sha256:{checksum} (not the official bytes)"
    assert capsys.readouterr().err == ""  # a progress bar is for terminals
