"""Random numbers for each place in the measurements, all from one seed."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, *place: str | int) -> np.random.Generator:
    """Return the random numbers of a `place`, such as ("problem", latent, number).

    Each has a stream of its own, so that a row of a table stays as it is when others come or go.
    """
    return np.random.default_rng([seed, *(zlib.crc32(str(step).encode()) for step in place)])
