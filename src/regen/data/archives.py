"""Streaming reader for .tar.gz archives; nothing is unpacked to disk, so no member can escape to a path."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from regen.data.download import CHUNK
from regen.errors import InputError

LARGEST = 2**26  # bytes of a member: twice the largest one needed, and small enough for memory


def read_members(archive: Path, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the files in a .tar.gz whose names are `wanted`, in the archive's order.

    Raises:
        InputError: the archive cannot be read, is damaged or truncated; or one of its members, wanted or not,
            is a link, a device, larger than LARGEST, a duplicate, or has a path outside the archive.
    """
    last = ""
    seen: set[str] = set()
    try:
        with (
            gzip.open(archive) as unpacked,
            tarfile.open(fileobj=unpacked, mode="r|", tarinfo=_Member) as tar,
        ):
            for member in tar:
                last = member.name
                name = _safe_name(member, archive, seen)
                file = tar.extractfile(member) if member.isreg() and wanted(name) else None
                if file is not None:
                    yield name, file.read()
            while unpacked.read(CHUNK):
                pass  # the checksum of the whole comes last
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        where = f"damaged or cut off at {last!r} or after it" if last else "cannot be read as .tar.gz"
        raise InputError(f"{archive}: {where}: {error}") from None


class _Member(tarfile.TarInfo):
    """A member that raises on a damaged header, which tarfile would take for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):  # the archive ends with zeros, or with nothing
                raise tarfile.ReadError(str(error)) from None
            raise


def _safe_name(member: tarfile.TarInfo, archive: Path, seen: set[str]) -> str:
    """Normalise the member's name and add it to `seen`; InputError if such a member is not allowed."""
    path = PurePosixPath(member.name)
    reason = None
    if path.is_absolute() or ".." in path.parts:
        reason = "its name leads out of the archive"
    elif not (member.isreg() or member.isdir()):
        reason = "neither a file nor a folder"
    elif member.size > LARGEST:
        reason = f"{member.size:,} bytes, more than the {LARGEST:,} allowed"
    elif member.isreg() and str(path) in seen:
        reason = "duplicate member"
    if reason:
        raise InputError(f"{archive}: {member.name!r}: {reason}")
    seen.add(str(path))
    return str(path)
