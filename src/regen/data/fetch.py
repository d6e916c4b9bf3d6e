"""Files by checksum, from the download folder or else from the first mirror that has them.

A file under its own name in that folder is complete, unpacked and verified; anything else there is a partial
download or a lock.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from regen.artifacts import publish
from regen.data.catalog import RemoteFile
from regen.data.download import CHUNK, AbsentError, BrokenError, MirrorError, Transfer, download
from regen.data.mirrors import Mirror
from regen.errors import RunError

log = logging.getLogger(__name__)


class NoMirrorError(RunError):
    """No mirror has a file. The last line is enough by itself: it is what `regen run` shows."""

    def __init__(self, name: str, reasons: Sequence[str]) -> None:
        self.tried = "\n".join([f"{name}: no mirror has this file", *reasons])
        super().__init__(
            f"{self.tried}\n{name}: cannot be downloaded; set data.mirror in params.yaml (or "
            "REGEN_DATA_MIRROR) to a URL or folder that has it, or use the quick profile, which downloads "
            "nothing: cp profiles/quick.yaml params.yaml"
        )


def fetch_files(
    files: Sequence[RemoteFile], mirrors: Sequence[Mirror], downloads: Path, transfer: Transfer
) -> dict[str, Path]:
    """Fetch `files` into `downloads`; return the paths of their verified, unpacked contents by file name.

    A mirror that does not answer for one file is tried last for the remaining ones.

    Raises:
        NoMirrorError: no mirror has a file.
        RunError: `downloads` is not writable.
    """
    silent: set[Mirror] = set()
    paths = {}
    for file in files:
        order = sorted(mirrors, key=lambda mirror: mirror in silent)
        try:
            paths[file.name] = _fetch(file, order, downloads, transfer, silent)
        except OSError as error:
            reason = f"cannot keep {file.name} there: {error.strerror or error}"
            raise RunError(f"{downloads}: {reason}; REGEN_CACHE names another folder") from None
    return paths


def _fetch(
    file: RemoteFile, mirrors: Sequence[Mirror], downloads: Path, transfer: Transfer, silent: set[Mirror]
) -> Path:
    # The checksum is part of the path, so that versions of a file with the same name never mix.
    target = downloads / file.sha256[:16] / file.name
    with _locked(target):
        if _is_intact(target, file):
            return target
        reasons = []
        for mirror in mirrors:
            try:
                _fetch_from(mirror, file, target, transfer)
            except MirrorError as error:
                if isinstance(error, BrokenError):
                    silent.add(mirror)
                reasons.append(f"  tried {mirror}: {error}")
                continue
            if reasons:
                log.warning("%s: had to come from %s\n%s", file.name, mirror, "\n".join(reasons))
            return target
    raise NoMirrorError(file.name, reasons)


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keep other processes from fetching the same file at the same time; they wait and then find it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f"{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s: another process is fetching it; waiting", target.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_intact(target: Path, file: RemoteFile) -> bool:
    """Whether the file exists with the right checksum; a file with another checksum is deleted."""
    if not target.exists():
        return False
    with target.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() == file.sha256:
            return True
    log.warning("%s: damaged since it was downloaded; fetching it again", target)
    target.unlink()
    return False


def _fetch_from(mirror: Mirror, file: RemoteFile, target: Path, transfer: Transfer) -> None:
    """Publish `file` as `target` from one mirror, trying all its names."""
    absent = []
    for name in file.names:
        try:
            if isinstance(mirror, Path):
                _copy(mirror, name, file, target)
            else:
                _download(mirror + name, file, target, transfer)
        except AbsentError as error:
            absent.append(f"{name}: {error}")
            continue
        for part in target.parent.glob("*.part"):
            part.unlink()
        return
    raise AbsentError("; ".join(absent))


def _copy(folder: Path, name: str, file: RemoteFile, target: Path) -> None:
    if not folder.is_dir():
        raise MirrorError("no such folder")
    if not (folder / name).is_file():
        raise AbsentError("no such file")
    if not os.access(folder / name, os.R_OK):
        raise MirrorError(f"{name}: may not be read")
    _accept(folder / name, file, target)


def _download(url: str, file: RemoteFile, target: Path, transfer: Transfer) -> None:
    # One part per URL: recompressed copies of different mirrors must not be mixed.
    part = target.with_name(f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.part")
    limit = file.size + file.size // 100 + 2**12  # gzip may enlarge incompressible data slightly
    for last in (False, True):
        resumed = part.exists()
        try:
            resumed = download(url, part, limit, transfer)
            _accept(part, file, target)
            return
        except BrokenError:
            raise  # the part is kept, and the next run resumes it
        except MirrorError as error:
            part.unlink(missing_ok=True)
            if last or not resumed or isinstance(error, AbsentError):
                raise
            log.info("%s: %s; it was resumed, so once more from the start", url, error)


def _accept(source: Path, file: RemoteFile, target: Path) -> None:
    """Publish the content of `source` as `target` if its checksum matches; MirrorError otherwise."""
    digest, size = hashlib.sha256(), 0
    content = target.with_name(f"{file.name}.content.part")  # no other writer: the caller holds the lock
    try:
        with content.open("wb") as out:
            for chunk in _unpacked(source, file):
                size += len(chunk)
                if size > file.size:
                    raise MirrorError(f"wrong bytes: more than the {file.size:,} expected")
                digest.update(chunk)
                out.write(chunk)
        if (got := digest.hexdigest()) != file.sha256:
            raise MirrorError(f"wrong bytes: SHA-256 expected {file.sha256}, got {got} ({size:,} bytes)")
        publish(content, target)
    finally:
        content.unlink(missing_ok=True)


def _unpacked(source: Path, file: RemoteFile) -> Iterator[bytes]:
    """Yield the content in chunks, unpacked if its first bytes are those of gzip, whatever its name says."""
    with source.open("rb") as raw:
        gzipped = file.may_be_gzipped and raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not gzipped:
            yield from iter(lambda: raw.read(CHUNK), b"")
            return
        try:
            with gzip.open(raw) as unpacked:
                yield from iter(lambda: unpacked.read(CHUNK), b"")
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise MirrorError(f"wrong bytes: not a whole gzip file ({error})") from None
