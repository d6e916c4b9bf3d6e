"""Preparation of a data set by name: fetch its files, read them, and check the images.

A new data set needs an entry in the catalog and a reader here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from regen.artifacts.datasets import SPLITS, Dataset, Images
from regen.data.catalog import DATASETS, DatasetEntry, with_checksum
from regen.data.cifar10 import read_cifar10
from regen.data.digits import embedded_digits
from regen.data.digits_color import coloured_digits
from regen.data.download import Transfer
from regen.data.fetch import fetch_files
from regen.data.imagenette import read_imagenette
from regen.data.mirrors import list_mirrors
from regen.data.readers import read_amat, read_idx
from regen.errors import InputError

Paths = Mapping[str, Path]  # path of each file of the catalog, unpacked and verified
Reader = Callable[[Paths, DatasetEntry], dict[str, Images]]


def prepare_dataset(
    name: str,
    mirror: str | None,
    downloads: Path,
    transfer: Transfer | None = None,
    sha256: str | None = None,
) -> Dataset:
    """Prepare the data set `name`, downloading it into `downloads` if needed.

    `mirror` is the value of data.mirror; it and REGEN_DATA_MIRROR are tried before the public mirrors.
    `sha256` replaces the official checksum of the data set's only file, for example of a repacked copy.

    Raises:
        InputError: the mirror, the checksum or the content of a file is invalid.
        RunError: no mirror has a file.
    """
    entry = DATASETS[name] if sha256 is None else with_checksum(name, sha256)
    mirrors = list_mirrors(mirror, entry.mirrors)
    paths = fetch_files(entry.files, mirrors, downloads, transfer or Transfer())
    splits = READERS[name](paths, entry)
    for split, size in zip(SPLITS, entry.sizes, strict=True):
        _check(splits.get(split), (size, *entry.shape), f"{name}: {split}")
    return Dataset(name, splits, _source(entry, DATASETS[name]))


def _check(images: Images | None, shape: tuple[int, ...], what: str) -> None:
    found = (0, *shape[1:]) if images is None else tuple(images.pixels.shape)
    if found != shape:
        raise InputError(f"{what}: the source holds images of shape {found}, the catalog says {shape}")


def _source(entry: DatasetEntry, official: DatasetEntry) -> str:
    """Describe the origin of the images by checksums, which do not depend on the mirror."""
    checksums = ", ".join(f"{file.name} sha256:{file.sha256}" for file in entry.files)
    if not checksums:
        return "embedded in scikit-learn"
    return f"downloaded: {checksums}" + ("" if entry == official else " (not the official bytes)")


def _digits(_: Paths, entry: DatasetEntry) -> dict[str, Images]:
    return embedded_digits(entry.sizes)


def _digits_color(_: Paths, entry: DatasetEntry) -> dict[str, Images]:
    return coloured_digits(embedded_digits(DATASETS["digits"].sizes, side=entry.shape[-1]), entry.sizes)


def _mnist(paths: Paths, entry: DatasetEntry) -> dict[str, Images]:
    train, test = (
        Images(
            torch.from_numpy(read_idx(paths[f"{part}-images-idx3-ubyte"])).unsqueeze(1),
            torch.from_numpy(read_idx(paths[f"{part}-labels-idx1-ubyte"])).to(torch.int64),
        )
        for part in ("train", "t10k")
    )
    kept = entry.sizes[0]
    return {"train": _rows(train, 0, kept), "valid": _rows(train, kept, None), "test": test}


def _rows(images: Images, start: int, stop: int | None) -> Images:
    labels = None if images.labels is None else images.labels[start:stop]
    return Images(images.pixels[start:stop], labels)


def _binarized_mnist(paths: Paths, entry: DatasetEntry) -> dict[str, Images]:
    splits = {}
    for split in SPLITS:
        bits = read_amat(paths[f"binarized_mnist_{split}.amat"], width=28 * 28)
        splits[split] = Images(torch.from_numpy(bits * 255).reshape(-1, *entry.shape), None)
    return splits


def _cifar10(paths: Paths, _: DatasetEntry) -> dict[str, Images]:
    return read_cifar10(paths["cifar-10-binary.tar.gz"])


def _imagenette(paths: Paths, entry: DatasetEntry) -> dict[str, Images]:
    return read_imagenette(paths["imagenette2-160.tgz"], entry.classes or 0, total=sum(entry.sizes))


READERS: dict[str, Reader] = {
    "digits": _digits,
    "digits_color": _digits_color,
    "mnist": _mnist,
    "binarized_mnist": _binarized_mnist,
    "cifar10": _cifar10,
    "imagenette": _imagenette,
}
