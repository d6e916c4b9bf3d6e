"""Time the preparation of Imagenette against decoding and resizing its photographs one after another.

    python -m benchmarks.imagenette

The photographs are made here, smooth colours with noise, of the archive's size: 160 pixels the shorter side.
"""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import functional

from benchmarks.timing import HEADING, Timing, compare
from regen.data.imagenette import SIDE, read_imagenette

PHOTOGRAPHS, ALL = 1_000, 13_394
"""Photographs that are timed, and those of the archive, to which times are scaled."""
CLASSES = 10


def photograph(random: np.random.Generator) -> bytes:
    """Return a JPEG of 213x160 pixels."""
    smooth = Image.fromarray(random.integers(0, 256, (8, 10, 3), np.uint8)).resize((213, 160))
    noisy = np.asarray(smooth).astype(int) + random.integers(-12, 13, (160, 213, 3))
    file = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


def write_archive(path: Path, photographs: list[bytes]) -> None:
    """Write the photographs as the archive has them, half of them in `val/`."""
    with tarfile.open(path, "w:gz") as archive:
        for i, content in enumerate(photographs):
            folder = f"imagenette2-160/{('train', 'val')[i // CLASSES % 2]}/n{i % CLASSES:08d}"
            member = tarfile.TarInfo(f"{folder}/{i}.JPEG")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def decode_plainly(path: Path) -> int:
    """Open, resize and crop one photograph after another, with torchvision's transforms."""
    images = []
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            with Image.open(file) as image:
                small = functional.resize(image.convert("RGB"), SIDE)
            images.append(np.asarray(functional.center_crop(small, [SIDE, SIDE])))
    return len(images)


def measure() -> list[Timing]:
    """Return the timing of all cores."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "imagenette2-160.tgz"
        write_archive(path, [photograph(random) for _ in range(PHOTOGRAPHS)])
        part = PHOTOGRAPHS / ALL
        return [
            compare(
                f"{ALL:,} photographs to 64x64 (timed on {PHOTOGRAPHS:,}; all cores, plain: one)",
                lambda: read_imagenette(path, CLASSES, PHOTOGRAPHS),
                lambda: decode_plainly(path),
                target="ratio 2",
                part=part,
                plain_part=part,
            )
        ]


if __name__ == "__main__":
    print("\n".join([HEADING, *(timing.row() for timing in measure())]))
