"""Files that appear whole, and numbers in them: metrics in JSON, histories and tables in CSV.

Every file is written beside its place, synced and renamed into it, so that a reader sees the old file or the
new one, never a part.

Numbers that are published, in metrics and tables, are rounded here and nowhere else. What two processors
compute in float64 differs far below the last digit that is kept.
"""

from __future__ import annotations

import errno
import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from regen.errors import InputError, WriteError

Metrics = Mapping[str, float | int | str]

DIGITS = 6
"""Significant digits of published numbers."""
COUNTS = 1e9
"""Below it whole numbers keep all their digits: a column of counts with gaps is one of floats."""
NEGLIGIBLE = 1e-9
"""Errors below it are not told apart: they are rounding, and no two processors agree on it."""


REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""Errors that say of the disk, not of what is written, that a file cannot be."""
PROBE = 2**16
"""Bytes that tell whether a disk takes more."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; publish it as `path` if the block ends without an error.

    Raises:
        WriteError: the folder cannot be written to, or the disk is full; what was at `path` stays.
    """
    part = _part_beside(path)
    try:
        try:
            yield part
        except (OSError, RuntimeError) as error:
            if reason := _refusal(part, error):
                raise WriteError(f"{path}: not written: {reason}") from None
            raise
        try:
            publish(part, path)
        except OSError as error:
            raise WriteError(f"{path}: not written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _part_beside(path: Path) -> Path:
    """Create an empty file in the folder of `path`, and the folder with it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise WriteError(f"{path.parent}: no folder to write to: {error.strerror}") from None
    os.close(handle)
    return Path(name)


def _refusal(part: Path, error: OSError | RuntimeError) -> str | None:
    """Reason why the disk takes no more of `part`, or None where it does and `error` is about something else.

    torch and Pillow lose the number of the system's error, so that in doubt a few more bytes are tried.
    """
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return error.strerror
    try:
        with part.open("ab") as file:
            file.write(bytes(PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as refused:
        return refused.strerror
    return None


def publish(part: Path, path: Path) -> None:
    """Sync the finished file `part` to disk and rename it to `path`, on the same file system."""
    with part.open("r+b") as file:  # Windows syncs only what is open for writing
        os.fsync(file.fileno())
    umask = os.umask(0)
    os.umask(umask)
    part.chmod(0o666 & ~umask)
    part.replace(path)


def write_text(path: Path, text: str) -> None:
    """Publish `text` as `path`."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def rounded(value: object) -> object:
    """Return `value` as it is published: a float to DIGITS significant digits, anything else as it is.

    It is rounded to twice as many first: what lies half-way between two numbers of DIGITS digits, as
    1 - 1 / 3200 does, then goes the same way whatever the last bit is.
    """
    if not isinstance(value, float) or (value.is_integer() and abs(value) < COUNTS):
        return value
    return float(f"{float(f'{value:.{2 * DIGITS}g}'):.{DIGITS}g}")


def at_most(error: float) -> float:
    """Return the power of ten at or above `error` >= 0, and above NEGLIGIBLE; what is not finite stays.

    The digits of a rounding error say nothing, and would show up in every comparison of two runs.
    """
    return 10.0 ** math.ceil(math.log10(max(error, NEGLIGIBLE))) if error < math.inf else error


def metric(value: float) -> float | str:
    """Return `value`, or the status word 'not finite', since NaN in metrics makes every diff cry wolf."""
    return value if math.isfinite(value) else "not finite"


def write_metrics(path: Path, metrics: Metrics | Mapping[str, Metrics]) -> None:
    """Publish metrics as JSON, `rounded`; ValueError where one is NaN or infinite (see `metric`)."""
    write_text(path, json.dumps(_rounded_all(metrics), indent=2, allow_nan=False) + "\n")


def _rounded_all(metrics: Any) -> Any:
    if isinstance(metrics, Mapping):
        return {name: _rounded_all(value) for name, value in metrics.items()}
    return rounded(metrics)


def read_metrics(path: Path) -> dict[str, float | int | str]:
    """Return one kind of metrics of a run; InputError where the file is absent."""
    try:
        content: dict[str, float | int | str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: no JSON, or no text at all
        raise InputError(f"{path}: no metrics ({error}); run the stage that makes them") from None
    return content


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Publish a history or table as CSV, its numbers `rounded`."""
    with atomic_path(path) as part:
        table.map(rounded).to_csv(part, index=False, float_format="%.9g")  # which cuts off no count


def _number(cell: object) -> object:
    """Return the number in a text cell: pandas reads a column with one word in it as text throughout."""
    try:
        return float(cell) if isinstance(cell, str) and cell[:1] in "+-.0123456789" else cell
    except ValueError:
        return cell


def read_csv(path: Path) -> pd.DataFrame:
    """Return a history or table; InputError where the file is absent."""
    try:
        return pd.read_csv(path).map(_number)
    except (OSError, ValueError) as error:  # ValueError: empty, ragged, or no text at all
        raise InputError(f"{path}: no table ({error}); run the stage that makes it") from None
