"""One file over HTTP: resumed after a broken connection, retried with back-off, cut short where too long.

Nothing is judged here: whether the bytes are the right ones is up to the caller's checksum.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import NoReturn
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

CHUNK = 2**18
TRY_LATER = (408, 425, 429, 500, 502, 503, 504)  # statuses of a server that may do better soon

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Transfer:
    """How patient a download is: `timeout` and `backoff` in seconds, `progress` in bytes.

    A mirror is given up after `attempts` failures, between which the wait grows from `backoff` by doubling.
    A failure that came after `progress` new bytes does not count: a line that breaks often still gets there.
    """

    timeout: float = 10.0
    attempts: int = 3
    backoff: float = 1.0
    progress: int = 2**20


class MirrorError(Exception):
    """Why a mirror did not give a file, in words for the user."""


class AbsentError(MirrorError):
    """The mirror answers and does not have the file (under this name)."""


class BrokenError(MirrorError):
    """The mirror does not answer, or breaks off; trying again may help."""


def download(url: str, part: Path, limit: int, transfer: Transfer) -> bool:
    """Bring `part` from what it holds of `url` to the whole, of at most `limit` bytes.

    Returns: whether the last request resumed, so that the bytes may stem from two versions of the file.

    Raises:
        AbsentError: the server says that there is no such file, or not for us.
        BrokenError: no success after the attempts that `transfer` allows; `part` keeps what came.
        MirrorError: the server sends more than `limit` bytes.
        OSError: `part` cannot be written.
    """
    most, failures = _size(part), 0
    while True:
        try:
            return _attempt(url, part, limit, transfer.timeout)
        except BrokenError as error:
            if _size(part) >= most + transfer.progress:
                most, failures = _size(part), 0
            failures += 1
            if failures >= transfer.attempts:
                raise BrokenError(f"{error} (the last of {failures} attempts)") from None
            log.info("%s: %s; trying again", url, error)
            time.sleep(transfer.backoff * 2 ** (failures - 1))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _attempt(url: str, part: Path, limit: int, timeout: float) -> bool:
    """Ask once for what `part` lacks and append what comes; return whether the server resumed."""
    with _open(url, part, timeout) as response:
        start = _size(part) if response.status == HTTPStatus.PARTIAL_CONTENT else 0
        length = response.headers.get("Content-Length", "")
        end = start + int(length) if length.isdigit() else None
        with part.open("ab" if start else "wb") as file, _progress_bar(url, start, end) as bar:
            for chunk in _chunks(response, timeout):
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > limit:
                    raise MirrorError(f"wrong bytes: more than the {limit:,} that the file can have")
            if end is not None and file.tell() < end:
                raise BrokenError(f"connection closed after {file.tell():,} of {end:,} bytes")
    return start > 0


def _open(url: str, part: Path, timeout: float) -> HTTPResponse:
    """Ask for what `part` lacks of `url`; drop `part` where the server cannot go on from there."""
    request = Request(url, headers={"User-Agent": "regen"})
    if start := _size(part):
        request.add_header("Range", f"bytes={start}-")
    try:
        with _broken_if_network_fails(timeout):
            response: HTTPResponse = urlopen(request, timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise BrokenError("416, does not resume") from None
        kind = BrokenError if error.code in TRY_LATER else AbsentError
        raise kind(f"{error.code} {error.reason}") from None
    resumed = response.status == HTTPStatus.PARTIAL_CONTENT
    if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        response.close()
        part.unlink(missing_ok=True)
        raise BrokenError("resumes at the wrong byte")
    return response


def _chunks(response: HTTPResponse, timeout: float) -> Iterator[bytes]:
    """Yield the body as it arrives: what came before a stall is not lost."""
    while True:
        with _broken_if_network_fails(timeout):
            chunk = response.read1(CHUNK)
        if not chunk:
            return
        yield chunk


def _progress_bar(url: str, start: int, end: int | None) -> tqdm[NoReturn]:
    """Return a bar of bytes and rate on stderr, silent where that is no terminal."""
    return tqdm(
        desc=url.rpartition("/")[2],
        initial=start,
        total=end,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=None,  # tqdm's word for 'unless it is a terminal'
        file=sys.stderr,
    )


@contextmanager
def _broken_if_network_fails(timeout: float) -> Iterator[None]:
    """Turn every way in which a connection fails, HTTP statuses aside, into a BrokenError."""
    try:
        yield
    except HTTPError:
        raise
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            raise BrokenError(f"no bytes for {timeout:g} s") from None
        raise BrokenError(getattr(cause, "strerror", None) or str(cause) or type(cause).__name__) from None
