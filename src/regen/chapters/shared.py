"""What several chapters read, or say, in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from regen import artifacts
from regen.artifacts import Metrics
from regen.params import COPY


def read_each(runs: Iterable[str], kind: str) -> dict[str, Metrics]:
    """Metrics of one `kind` of each run; InputError names a file that is absent."""
    return {run: artifacts.read_metrics(artifacts.scores_file(run, kind)) for run in runs}


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


def seeds_note(found: Mapping[str, Metrics]) -> str:
    """Paragraph on the runs of several seeds, which are those with deviations; nothing where none has any."""
    several = [
        f"`{run}`" + (f" ({metrics['seeds']})" if "seeds" in metrics else "")
        for run, metrics in found.items()
        if any(key.endswith("_deviation") for key in metrics)
    ]
    told = f"\n\n**Several seeds:** {', '.join(several)}. Means, ± standard deviation over the seeds."
    return told if several else ""


def unlike_note(table: pd.DataFrame, what: str, link: str = ": ") -> str:
    """Paragraph on the runs whose `what` is not the report's, `report_<what>`; nothing without any.

    `link` stands between a run and its `what`.
    """
    other = [
        f"`{row['run']}`{link}{row[what]} (the report: {theirs})"
        for row in table.to_dict("records")
        if isinstance(theirs := row[f"report_{what}"], str) and theirs != str(row[what]).removesuffix(COPY)
    ]
    told = f"\n\n**Not the report's {what}:** {'; '.join(other)}. Don't compare those figures with its."
    return told if other else ""


def images(run: str, names: Iterable[str]) -> str:
    """Figures of a run, a line each."""
    return "\n".join(f"![{run}: {name}](figures/{run}/{name}.png)" for name in names)
