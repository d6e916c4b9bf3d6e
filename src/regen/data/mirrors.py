"""Mirrors of the data sets: their order, and validation of the user's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from urllib.request import url2pathname

from regen.errors import InputError

MIRROR_VARIABLE = "REGEN_DATA_MIRROR"
ALLOWED = "should be a folder, or a URL with http://, https:// or file:///"

Mirror = str | Path  # URL of a folder, with a final slash, or a local folder


def list_mirrors(own: str | None, public: Sequence[str]) -> list[Mirror]:
    """Mirrors in the order in which they are tried: `own` (data.mirror), REGEN_DATA_MIRROR, the public ones.

    An empty variable counts as not set.

    Raises:
        InputError: one of the user's two mirrors is neither a URL nor a folder.
    """
    mirrors: list[Mirror] = []
    if own is not None:
        mirrors.append(parse_mirror(own, "params.yaml: data.mirror"))
    if variable := os.environ.get(MIRROR_VARIABLE):
        mirrors.append(parse_mirror(variable, MIRROR_VARIABLE))
    return list(dict.fromkeys([*mirrors, *public]))


def parse_mirror(value: str, key: str) -> Mirror:
    """Parse `value` as a mirror, without contacting it.

    Raises:
        InputError: `value` is neither a URL nor a folder; the message starts with `key`.
    """
    value = value.strip()
    if value and "://" not in value:
        try:
            return Path(value).expanduser().absolute()
        except RuntimeError:  # of ~name
            raise InputError(f"{key}: {value!r}: no home folder of that name; {ALLOWED}") from None
    parts = _split(value)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(url2pathname(parts.path))
    if _is_http(value):
        return value.rstrip("/") + "/"
    raise InputError(f"{key}: {value!r}: {ALLOWED}")


def is_url_of_file(url: str) -> bool:
    """Whether `url` is one of a file, in a folder of a server with http:// or https://."""
    folder, _, name = url.rpartition("/")
    return bool(name) and name.isascii() and _is_http(folder)


def _is_http(url: str) -> bool:
    parts = _split(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isascii()


def _split(url: str) -> SplitResult:
    """Parts of a URL; of none where it is malformed."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError if it is not a number
        (parts.hostname or "").encode("idna")  # the same if a part between dots is empty or too long
    except ValueError:
        return urlsplit("")
    return parts
