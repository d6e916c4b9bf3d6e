"""Readers of the data sets' file formats."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from regen.errors import InputError

IDX_UINT8 = b"\x00\x00\x08"  # start of an idx file of bytes; the number of dimensions follows


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Read an idx file of bytes as an array of the shape given by its header.

    Raises:
        InputError: the file is not an idx file of bytes, or is truncated.
    """
    content = np.fromfile(path, np.uint8)
    dimensions = int(content[3]) if content[:3].tobytes() == IDX_UINT8 and content.size > 3 else 0
    start = 4 + 4 * dimensions
    if not dimensions or content.size < start:
        raise InputError(f"{path}: not an idx file of bytes")
    shape = tuple(int(size) for size in content[4:start].view(">u4"))
    if (rest := content.size - start) != math.prod(shape):
        raise InputError(f"{path}: damaged: its header promises {shape}, {rest:,} bytes follow")
    return content[start:].reshape(shape)


def read_amat(path: Path, width: int) -> NDArray[np.uint8]:
    """Read a text file of N lines `0 1 ... 0` as an (N, width) array.

    Raises:
        InputError: a line is anything but `width` digits 0 or 1, separated by single blanks.
    """
    content = np.fromfile(path, np.uint8)
    if not content.size or content.size % (2 * width):
        raise InputError(f"{path}: damaged: {content.size:,} bytes are not lines of {width} digits")
    # A digit and the blank (or newline) after it are two bytes, read as one number; subtracting a line of
    # zeros leaves the digit. Some fifty times faster than numpy.loadtxt.
    line_of_zeros = np.frombuffer(b"0 " * (width - 1) + b"0\n", "<u2")
    digits = content.view("<u2").reshape(-1, width) ^ line_of_zeros
    if digits.max() > 1:
        line, column = np.argwhere(digits > 1)[0] + 1
        raise InputError(f"{path}: damaged: no 0 or 1 at line {line}, digit {column}")
    return digits.astype(np.uint8)
