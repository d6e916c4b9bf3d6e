"""Files by checksum: from the folder of raw downloads, or else from the first mirror that has them.

What lies in the folder under a file's own name is the whole of it, unpacked and verified; all else there
is a part that may be resumed or a lock.
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

WAYS_OUT = (
    "Either set data.mirror in params.yaml (or REGEN_DATA_MIRROR) to a URL or folder that holds the file,\n"
    "or use the quick profile, which downloads nothing: cp profiles/quick.yaml params.yaml"
)


def fetch_files(
    files: Sequence[RemoteFile], mirrors: Sequence[Mirror], downloads: Path, transfer: Transfer
) -> dict[str, Path]:
    """Return where each file's verified, unpacked content lies in `downloads`, by the file's name.

    A mirror that does not answer for one file is asked last for the next ones.

    Raises:
        RunError: no mirror gave a file, or `downloads` cannot be written.
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
    # Two versions of a file of the same name never meet: the folder carries the checksum.
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
    raise RunError("\n".join([f"{file.name}: no mirror gives this file", *reasons, WAYS_OUT]))


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    """Keep other processes from fetching the same file meanwhile; they find it here afterwards."""
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
    """Whether the file is there with the right bytes; what is there with others is discarded."""
    if not target.exists():
        return False
    with target.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() == file.sha256:
            return True
    log.warning("%s: damaged since it was downloaded; fetching it again", target)
    target.unlink()
    return False


def _fetch_from(mirror: Mirror, file: RemoteFile, target: Path, transfer: Transfer) -> None:
    """Publish `file` as `target` from one mirror, under whichever of its names the mirror has it."""
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
    # Each URL has its own part: mirrors that compressed a file anew must not complete each other's.
    part = target.with_name(f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.part")
    limit = file.size + file.size // 100 + 2**12  # gzip may add a little to what it cannot compress
    for last in (False, True):
        resumed = part.exists()
        try:
            resumed = download(url, part, limit, transfer)
            _accept(part, file, target)
            return
        except BrokenError:
            raise  # the part stays, to be resumed by the next run
        except MirrorError as error:
            part.unlink(missing_ok=True)
            if last or not resumed or isinstance(error, AbsentError):
                raise
            log.info("%s: %s; it was resumed, so once more from the start", url, error)


def _accept(source: Path, file: RemoteFile, target: Path) -> None:
    """Publish the content of `source` as `target` if its checksum is right; MirrorError otherwise."""
    digest, size = hashlib.sha256(), 0
    content = target.with_name(f"{file.name}.content.part")  # ours alone: the caller holds the lock
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
    """Yield the content in chunks; whether it is gzipped, its first bytes tell more reliably than a name."""
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
