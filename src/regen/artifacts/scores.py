"""Names of scores in the files that hold them."""

from __future__ import annotations

from collections.abc import Container

FRECHET = {"fid": "FID", "frechet_distance": "Frechet distance"}
"""Names of the Frechet distance, by column: FID for Inception features only."""


def distance_in(scores: Container[str]) -> str:
    """Column of the Frechet distance among those of `scores`, a table or a record."""
    return next(name for name in FRECHET if name in scores)
