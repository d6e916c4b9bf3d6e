"""Download of a single file over HTTP, with resumption, retries with back-off, and a size limit.

The content is not verified here; the caller compares checksums.
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
TRY_LATER = (408, 425, 429, 500, 502, 503, 504)  # statuses worth a retry

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Transfer:
    """Retry policy of a download: `timeout` and `backoff` in seconds, `progress` in bytes.

    A mirror is given up after `attempts` failures; the delay between them starts at `backoff` and doubles.
    A failure after `progress` new bytes does not count, so that a flaky connection still completes.
    """

    timeout: float = 10.0
    attempts: int = 3
    backoff: float = 1.0
    progress: int = 2**20


class MirrorError(Exception):
    """Failure of a mirror to provide a file; the message is meant for the user."""


class AbsentError(MirrorError):
    """The mirror answers but does not have the file under this name."""


class BrokenError(MirrorError):
    """The mirror does not answer or the connection breaks; a retry may help."""


def download(url: str, part: Path, limit: int, transfer: Transfer) -> bool:
    """Complete the partial download `part` of `url`, up to `limit` bytes.

    Returns: whether the last request resumed, in which case the bytes may stem from two versions of the file.

    Raises:
        AbsentError: the file does not exist on the server, or access is denied.
        BrokenError: all attempts that `transfer` allows failed; `part` keeps the bytes received.
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
    """Request the missing rest of `part` once and append it; return whether the server resumed."""
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
    """Request the missing rest of `part`; discard `part` if the server cannot resume there."""
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
    except UnicodeError:  # of the URL, or of one that it redirects to
        raise MirrorError("a part of the host's name is empty, or has more than 63 letters") from None
    resumed = response.status == HTTPStatus.PARTIAL_CONTENT
    if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        response.close()
        part.unlink(missing_ok=True)
        raise BrokenError("resumes at the wrong byte")
    return response


def _chunks(response: HTTPResponse, timeout: float) -> Iterator[bytes]:
    """Yield the body as it arrives, so that bytes received before a stall are kept."""
    while True:
        with _broken_if_network_fails(timeout):
            chunk = response.read1(CHUNK)
        if not chunk:
            return
        yield chunk


def _progress_bar(url: str, start: int, end: int | None) -> tqdm[NoReturn]:
    """Progress bar on stderr, with bytes and rate; disabled unless stderr is a terminal."""
    return tqdm(
        desc=url.rpartition("/")[2],
        initial=start,
        total=end,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=None,  # tqdm: only if stderr is a terminal
        file=sys.stderr,
    )


@contextmanager
def _broken_if_network_fails(timeout: float) -> Iterator[None]:
    """Turn all connection errors except HTTP statuses into a BrokenError."""
    try:
        yield
    except HTTPError:
        raise
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, URLError) else error
        if isinstance(cause, TimeoutError):
            raise BrokenError(f"no bytes for {timeout:g} s") from None
        raise BrokenError(getattr(cause, "strerror", None) or str(cause) or type(cause).__name__) from None
