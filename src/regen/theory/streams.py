"""Independent random streams for the measurements, all from one seed."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *place: str | int) -> np.random.Generator:
    """Random generator of a `place`, such as ("problem", latent, number).

    Each place has a stream of its own, so that adding or removing rows of a table does not change the others.
    """
    return np.random.default_rng([seed, *(zlib.crc32(str(step).encode()) for step in place)])
