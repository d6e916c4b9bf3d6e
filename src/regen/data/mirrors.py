"""Mirrors: which there are, in which order, and what a user may name as one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from regen.errors import InputError

MIRROR_VARIABLE = "REGEN_DATA_MIRROR"

Mirror = str | Path  # the URL of a folder, ending in a slash, or a local folder


def list_mirrors(own: str | None, public: Sequence[str]) -> list[Mirror]:
    """Return where to look, in order: `own` (data.mirror), REGEN_DATA_MIRROR, then the public mirrors.

    A variable that is set to nothing counts as not set.

    Raises:
        InputError: one of the user's two mirrors is no URL or folder.
    """
    mirrors: list[Mirror] = []
    if own is not None:
        mirrors.append(parse_mirror(own, "params.yaml: data.mirror"))
    if variable := os.environ.get(MIRROR_VARIABLE):
        mirrors.append(parse_mirror(variable, MIRROR_VARIABLE))
    return list(dict.fromkeys([*mirrors, *public]))


def parse_mirror(value: str, key: str) -> Mirror:
    """Return the mirror that `value` names; whether it answers shows later.

    Raises:
        InputError: `value` is no URL or folder; the message starts with `key`.
    """
    value = value.strip()
    if value and "://" not in value:
        return Path(value).expanduser().absolute()
    try:
        parts = urlsplit(value)
        port = parts.port  # a ValueError where it is no number
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        return Path(url2pathname(parts.path))
    if parts.scheme in ("http", "https") and parts.hostname and port != 0 and value.isascii():
        return value.rstrip("/") + "/"
    raise InputError(f"{key}: {value!r}: should be a folder, or a URL with http://, https:// or file:///")
