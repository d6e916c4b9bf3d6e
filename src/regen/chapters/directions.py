"""Which values of the followed metrics are the better ones."""

from __future__ import annotations

from regen.artifacts import FRECHET
from regen.chapters import depth
from regen.chapters.scores import KERNEL
from regen.errors import InputError
from regen.report.columns import Better
from regen.report.results import Results

UNSHOWN: dict[str, Better] = {"train_negative_elbo": "lower", "elbo": "higher"}
"""Of metrics that no table shows."""


def metric_directions(results: Results) -> dict[str, Better]:
    """Which values are better, by the last part of a metric's name; those without a direction are absent.

    As the columns of their tables say, and for distances by all of their names.

    Raises:
        InputError: there are no tables, or one is damaged.
    """
    if not results.tables():
        raise InputError(f"{results.folder}: no tables; run `make reproduce` first")
    columns = [column for name in results.tables() for column in results.table(name)["columns"]]
    found: dict[str, Better] = {
        each.get("of", each["key"]): each["better"] for each in columns if each["better"]
    }
    for name, words in (("distance", FRECHET), ("kernel", KERNEL)):
        found |= {key: found[name] for key in words if name in found}
    if "loss" in found:
        found |= {f"{norm}_loss": found["loss"] for norm in depth.NORMS}
    return UNSHOWN | found
