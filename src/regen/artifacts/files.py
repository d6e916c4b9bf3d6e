"""Atomic writes, metrics in JSON, and histories and tables in CSV.

Every file is written to a temporary file in the same folder, synced and renamed, so that a reader sees the
old file or the new one, never a part of it.

This is the only place where published numbers are rounded. Differences between processors in float64 are far
below the last digit that is kept.
"""

from __future__ import annotations

import errno
import json
import math
import os
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from regen.errors import InputError, WriteError

Metrics = Mapping[str, float | int | str]

DIGITS = 6
"""Significant digits of published numbers."""
COUNTS = 1e9
"""Whole floats below this keep all their digits: pandas turns a column of counts with gaps into floats."""
NEGLIGIBLE = 1e-9
"""Smallest error that is reported as such: anything below is rounding, which differs between processors."""
NOT_FINITE = "not finite"
"""In place of infinity and NaN."""


REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
"""Error numbers that concern the disk rather than the data."""
PROBE = 2**16
"""Bytes to write when testing whether the disk is full."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, and rename it to `path` if the block ends without an error.

    Raises:
        WriteError: the folder is not writable, or the disk is full; an existing `path` is left unchanged.
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
        raise WriteError(f"{path.parent}: folder is not writable: {error.strerror}") from None
    os.close(handle)
    return Path(name)


def _refusal(part: Path, error: OSError | RuntimeError) -> str | None:
    """Reason why the disk refuses to extend `part`, or None if `error` has another cause.

    torch and Pillow drop the error number of the system call, so in doubt a few more bytes are written.
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
    """Round a float to DIGITS significant digits for publication; return anything else unchanged.

    Floats are rounded to twice as many digits first, so that a value half-way between two candidates, such as
    1 - 1 / 3200, is rounded the same way whatever its last bit is.
    """
    if not isinstance(value, float) or (value.is_integer() and abs(value) < COUNTS):
        return value
    return float(f"{float(f'{value:.{2 * DIGITS}g}'):.{DIGITS}g}")


def at_most(error: float) -> float:
    """Round `error` >= 0 up to a power of ten, at least NEGLIGIBLE; infinity and NaN are returned unchanged.

    The digits of a rounding error carry no information, and would show up in every comparison of two runs.
    """
    return 10.0 ** math.ceil(math.log10(max(error, NEGLIGIBLE))) if error < math.inf else error


def metric(value: float) -> float | str:
    """Replace infinity and NaN by NOT_FINITE; NaN would show up in every metrics diff."""
    return value if math.isfinite(value) else NOT_FINITE


def over_seeds(metrics: Sequence[Metrics]) -> dict[str, float | int | str]:
    """Metrics of a run over its seeds: means, each with its deviation as `<name>_deviation`.

    Counts and words that all seeds share stay; a word in place of one seed's number stands for all. The
    metrics of a single seed stay as they are.
    """
    found: dict[str, float | int | str] = {}
    for name, value in metrics[0].items():
        values = [each[name] for each in metrics]
        numbers = [each for each in values if not isinstance(each, str)]
        if len(numbers) < len(values):
            found[name] = next(each for each in values if isinstance(each, str))
        elif len(set(numbers)) == 1:
            found[name] = value
        else:
            found |= {name: statistics.fmean(numbers), f"{name}_deviation": statistics.stdev(numbers)}
    return {**found, "seeds": len(metrics)} if len(metrics) > 1 else found


def write_metrics(path: Path, metrics: Metrics | Mapping[str, Metrics]) -> None:
    """Publish metrics as JSON, rounded; ValueError if one is NaN or infinite (see `metric`)."""
    write_json(path, metrics)


def write_json(path: Path, content: Any) -> None:
    """Publish mappings and lists as JSON, their numbers rounded; ValueError if one is NaN or infinite."""
    write_text(path, json.dumps(_rounded_all(content), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def _rounded_all(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {name: _rounded_all(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_rounded_all(value) for value in content]
    return rounded(content)


def read_metrics(path: Path) -> dict[str, float | int | str]:
    """Read one kind of metrics of a run; InputError if the file is absent or damaged."""
    try:
        content: dict[str, float | int | str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # ValueError: not JSON, or not UTF-8
        raise InputError(f"{path}: no metrics ({error}); run the stage that makes them") from None
    return content


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Publish a history or table as CSV, with its numbers rounded."""
    with atomic_path(path) as part:
        table.map(rounded).to_csv(part, index=False, float_format="%.9g")  # %.9g keeps all digits of counts


def _number(cell: object) -> object:
    """Parse a number in a text cell: pandas reads a column that contains a word as text throughout."""
    try:
        return float(cell) if isinstance(cell, str) and cell[:1] in "+-.0123456789" else cell
    except ValueError:
        return cell


def read_csv(path: Path) -> pd.DataFrame:
    """Read a history or table; InputError if the file is absent or damaged."""
    try:
        return pd.read_csv(path).map(_number)
    except (OSError, ValueError) as error:  # ValueError: empty, ragged, or not UTF-8
        raise InputError(f"{path}: no table ({error}); run the stage that makes it") from None
