"""`cifar10`, read from its binary version, which needs no pickle: records of a label and an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from regen.artifacts.datasets import Images
from regen.data.archives import read_members
from regen.errors import InputError

SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the pixels
CLASSES = 10
FOLDER = "cifar-10-batches-bin"
MEMBERS = {
    "train": [f"{FOLDER}/data_batch_{number}.bin" for number in range(1, 6)],
    "test": [f"{FOLDER}/test_batch.bin"],
}


def read_cifar10(archive: Path) -> dict[str, Images]:
    """Read the train and test splits, in the order of the numbered batches.

    Raises:
        InputError: the archive is damaged, lacks a batch, or a batch is not made of records.
    """
    wanted = {name for names in MEMBERS.values() for name in names}
    batches = {
        name: _batch(content, f"{archive}: {name}")
        for name, content in read_members(archive, wanted.__contains__)
    }
    if lacking := sorted(wanted - batches.keys()):
        raise InputError(f"{archive}: lacks {', '.join(lacking)}")
    return {split: _joined([batches.pop(name) for name in names]) for split, names in MEMBERS.items()}


def _batch(content: bytes, what: str) -> Images:
    """Parse the images of one batch; InputError, starting with `what`, if it is not one."""
    if not content or len(content) % RECORD:
        raise InputError(f"{what}: damaged: {len(content):,} bytes are not records of {RECORD:,}")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= CLASSES:
        first = int(np.argmax(labels >= CLASSES))
        raise InputError(
            f"{what}: damaged: label {labels[first]} in record {first + 1}, of {CLASSES} classes"
        )
    pixels = records[:, 1:].reshape(-1, *SHAPE).copy()  # a copy, so that `content` can be freed
    return Images(torch.from_numpy(pixels), torch.from_numpy(labels))


def _joined(batches: list[Images]) -> Images:
    labels = [batch.labels for batch in batches if batch.labels is not None]
    return Images(torch.cat([batch.pixels for batch in batches]), torch.cat(labels))
