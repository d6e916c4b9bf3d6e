"""`Images`, the common form of all image data sets, and the file format they are stored in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regen.artifacts.tensors import read_tensors, write_tensors
from regen.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Images:
    """One split: `pixels` (N, C, H, W) uint8; `labels` (N,) int64, or None where the source has none."""

    pixels: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class Dataset:
    """The splits of a data set, and its origin (`source`: embedded, or checksums)."""

    name: str
    splits: dict[str, Images]
    source: str


def write_dataset(path: Path, dataset: Dataset) -> None:
    """Publish a data set as one safetensors file: `<split>.pixels`, `<split>.labels`, name and source."""
    tensors = {}
    for split, images in dataset.splits.items():
        tensors[f"{split}.pixels"] = images.pixels
        if images.labels is not None:
            tensors[f"{split}.labels"] = images.labels
    write_tensors(path, tensors, {"name": dataset.name, "source": dataset.source})


def read_dataset(path: Path) -> Dataset:
    """Read a data set written by `write_dataset`.

    Raises:
        InputError: the file is absent, damaged, or not a data set.
    """
    tensors, about = read_tensors(path)
    splits = {
        split: Images(tensors[f"{split}.pixels"], tensors.get(f"{split}.labels"))
        for split in SPLITS
        if f"{split}.pixels" in tensors
    }
    if not splits or "name" not in about or not all(map(_is_whole, splits.values())):
        raise InputError(f"{path}: not a data set; make it anew: dvc repro --force fetch_data@{path.stem}")
    return Dataset(about["name"], splits, about.get("source", "unknown"))


def _is_whole(images: Images) -> bool:
    """Whether pixels and labels have the types and shapes of `Images`."""
    pixels, labels = images.pixels, images.labels
    if (str(pixels.dtype), pixels.ndim) != ("torch.uint8", 4):
        return False
    return labels is None or (str(labels.dtype), labels.shape) == ("torch.int64", pixels.shape[:1])
