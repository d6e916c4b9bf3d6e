"""The Dirac games' chapter."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regen import artifacts
from regen.params import Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import Claims, Facts
from regen.report.columns import Column

COLUMNS = (
    Column("name", "run"),
    Column("game"),
    Column("report", "the report says"),
    Column("verdict", "the players"),
    Column("agreement", "seeds that agree"),
    Column("rate_per_1000", "their change of log distance per 1000 iterations", better="lower"),
    Column("final_distance", "their final distance", better="lower"),
    Column("worst_distance", better="lower"),
    Column("verdict_ema", "the average"),
    Column("rate_per_1000_ema", "its rate", better="lower"),
    Column("final_distance_ema", "its final distance", better="lower"),
    Column("spectral_radius"),
    Column("theory"),
)


def chapter(params: Params, claims: Claims) -> Chapter:
    """Games of `params`; InputError where their verdicts are absent."""
    verdicts = artifacts.read_csv(artifacts.verdicts_file())
    table = games(verdicts, claims)
    return Chapter(
        tables=[table],
        facts={
            row["name"]: Facts(params.dirac.model_dump(exclude={"seeds"}), _metrics(row))
            for _, row in verdicts.iterrows()
        },
        metrics={"dirac": {row["name"]: _metrics(row) for _, row in verdicts.iterrows()}},
    )


def games(verdicts: pd.DataFrame, claims: Claims) -> Table:
    """Verdicts with the report's wording beside each: for the averaged runs, of the average."""
    data = verdicts.copy()
    data.insert(1, "report", [claims.expected(name, "verdict") for name in data["name"]])
    return Table("dirac", data, COLUMNS, shown=data.assign(game=data.apply(_game, axis=1)))


def _game(row: pd.Series) -> str:
    penalty = "" if row["penalty"] == "none" else f" + {row['coefficient']:g} {row['penalty'].upper()}"
    average = "" if pd.isna(row["ema"]) else f", EMA {row['ema']:g}"
    return f"{row['metric'].upper()}{penalty}{average}"


def _metrics(row: pd.Series[Any]) -> dict[str, Any]:
    """Metrics of a game: of its average, where one is kept, which the report looked at."""
    suffix = "" if pd.isna(row["ema"]) else "_ema"
    columns = ("verdict", "agreement", "rate_per_1000", "final_distance")
    return {column: row[column + suffix] for column in columns}
