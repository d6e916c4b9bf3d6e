"""Files packed into numbered parts that are small enough to be carried, and put together again.

A tar archive is cut into parts; each is known by its size and SHA-256, so that none is taken for another.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypedDict

from regen.artifacts import atomic_path
from regen.errors import InputError
from regen.pipeline.node import extract

SIZE = 15_000_000
"""Bytes of a part, at most."""


class Part(TypedDict):
    """One part of an archive."""

    name: str
    bytes: int
    sha256: str


def pack(folder: Path, name: str, root: Path, files: Iterable[Path], size: int = SIZE) -> list[Part]:
    """Pack `files`, relative to `root`, into `folder` as NAME.001, NAME.002, ... of at most `size` bytes.

    Equal files give equal parts.

    Raises:
        RunError: the disk is full.
    """
    cutter = _Cutter(folder, name, size)
    with tarfile.open(fileobj=cutter, mode="w|") as tar:  # type: ignore[call-overload]
        for file in sorted(files):
            tar.add(root / file, arcname=file.as_posix(), filter=_bare)
    cutter.close()
    return cutter.parts


def missing(folder: Path, parts: Sequence[Part]) -> list[str]:
    """Names of `parts` that are not in `folder`."""
    return [part["name"] for part in parts if not (folder / part["name"]).exists()]


def require(folder: Path, parts: Sequence[Part]) -> None:
    """Raise an InputError where one of `parts` is not in `folder`."""
    if names := missing(folder, parts):
        raise InputError(f"{folder / names[0]}: not there; copy it to this folder again")


def check(folder: Path, parts: Sequence[Part]) -> None:
    """Raise an InputError where a part that is in `folder` is not the one that was packed."""
    for part in parts:
        path = folder / part["name"]
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() != part["sha256"]:
            raise InputError(
                f"{path}: damaged: its {path.stat().st_size} bytes are not the {part['bytes']} that were "
                "packed (another SHA-256); copy it to this folder again"
            )


def unpack(folder: Path, parts: Sequence[Part], root: Path) -> list[Path]:
    """Put the files in `parts` where they were below `root`, each published whole; return their paths.

    Raises:
        InputError: a part is missing or damaged.
    """
    require(folder, parts)
    check(folder, parts)
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root) as place:
        extract(b"".join((folder / part["name"]).read_bytes() for part in parts), Path(place))
        files = sorted(path.relative_to(place) for path in Path(place).rglob("*") if path.is_file())
        for file in files:
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(place) / file, root / file)  # noqa: PTH105  as short as the pathlib way
    return files


def _bare(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o644
    return info


class _Cutter:
    """A file that is written in parts."""

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self.folder, self.name, self.size = folder, name, size
        self.parts: list[Part] = []
        self.rest = bytearray()

    def write(self, data: bytes) -> int:
        """Take more bytes, and write the parts that are full."""
        self.rest += data
        while len(self.rest) >= self.size:
            self._write(bytes(self.rest[: self.size]))
            del self.rest[: self.size]
        return len(data)

    def close(self) -> None:
        """Write what is left."""
        if self.rest:
            self._write(bytes(self.rest))
        self.rest.clear()

    def _write(self, data: bytes) -> None:
        path = self.folder / f"{self.name}.{len(self.parts) + 1:03}"
        with atomic_path(path) as place:
            place.write_bytes(data)
        self.parts.append(Part(name=path.name, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
