"""Which values of the followed metrics are the better ones."""

from __future__ import annotations

import json

from regen import artifacts
from regen.chapters import depth, read_chapters
from regen.chapters.scores import FRECHET, KERNEL
from regen.params import Params
from regen.report.chapter import directions
from regen.report.claims import Claims
from regen.report.columns import Better

COLUMNS = artifacts.table_file("columns").with_suffix(".json")
UNSHOWN: dict[str, Better] = {"train_negative_elbo": "lower", "elbo": "higher"}
"""Of metrics that no table shows."""


def metric_directions(params: Params) -> dict[str, Better]:
    """Which values are better, by the last part of a metric's name; those without a direction are absent.

    Raises:
        InputError: neither are the columns of the tables recorded, nor what the tables are made from.
    """
    found = recorded() if COLUMNS.exists() else directions(read_chapters(params, Claims(())))
    for name, words in (("distance", FRECHET), ("kernel", KERNEL)):
        found |= {key: found[name] for key in words if name in found}
    if "loss" in found:
        found |= {f"{norm}_loss": found["loss"] for norm in depth.NORMS}
    return UNSHOWN | found


def recorded() -> dict[str, Better]:
    """Directions of the columns, as reports/tables/columns.json has them, by their names in the records."""
    columns = [column for table in json.loads(COLUMNS.read_text()).values() for column in table]
    return {column.get("of") or column["key"]: column["better"] for column in columns if column.get("better")}
