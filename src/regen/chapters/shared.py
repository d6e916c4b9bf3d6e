"""What several chapters read, or say, in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from regen import artifacts
from regen.artifacts import Metrics


def read_each(runs: Iterable[str], kind: str) -> dict[str, Metrics]:
    """Metrics of one `kind` of each run; InputError names a file that is absent."""
    return {run: artifacts.read_metrics(artifacts.scores_file(run, kind)) for run in runs}


def each_seed(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of each seed; the table itself without seeds."""
    return [rows for _, rows in table.groupby("seed")] if "seed" in table else [table]


def over_seeds(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Means over the seeds, a row for each value of the column `by`; the table itself without seeds.

    Of words the first is kept. Where one seed has no finite number, there is no mean.
    """
    if "seed" not in table:
        return table
    groups = table.drop(columns="seed").groupby(by, sort=False)
    return groups.agg(_mean).reset_index()


def _mean(values: pd.Series[Any]) -> Any:
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers.mean(skipna=False) if numbers.notna().any() else values.iloc[0]
