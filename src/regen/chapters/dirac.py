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
    Column("verdict"),
    Column("agreement", "seeds that agree"),
    Column("rate_per_1000", "change of log distance per 1000 iterations", better="lower"),
    Column("final_distance", better="lower"),
    Column("worst_distance", better="lower"),
    Column("verdict_ema", "verdict on the average"),
    Column("rate_per_1000_ema", "its rate", better="lower"),
    Column("final_distance_ema", "its final distance", better="lower"),
    Column("spectral_radius", better="lower"),
    Column("theory"),
)

SECTION = """\
## The Dirac GAN

A point against a linear critic: {games} games, {starts} starts of each, {iterations} iterations. Runs with an
average (EMA) are judged twice: by the players and by the average of theta, which the report looked at.
'Cycles' is a bounded orbit that neither closes in nor grows, which the report calls 'diverges' or 'fails to
converge'. The spectral radius is that of one iteration, linearised at the equilibrium: below 1 the game
converges from nearby, above 1 it cannot.

![All Dirac games: distance to the equilibrium over the iterations](figures/dirac/overview.png)

{table}

<details><summary>The trajectory of each game</summary>

{figures}

</details>
"""


def chapter(params: Params, claims: Claims) -> Chapter:
    """Games of `params`; InputError where their verdicts are absent."""
    verdicts = artifacts.read_csv(artifacts.verdicts_file())
    table = games(verdicts, claims)
    return Chapter(
        section=SECTION.format(
            starts=params.dirac.seeds,
            games=len(verdicts),
            iterations=params.dirac.iterations,
            table=table.text,
            figures=_figures(list(verdicts["name"])),
        ),
        tables=[table],
        facts={
            row["name"]: Facts({"coefficients": params.dirac.coefficients}, _metrics(row))
            for _, row in verdicts.iterrows()
        },
        metrics={"dirac": {row["name"]: _metrics(row) for _, row in verdicts.iterrows()}},
    )


def games(verdicts: pd.DataFrame, claims: Claims) -> Table:
    """Verdicts with the report's wording beside each: for the averaged runs, of the average."""
    data = verdicts.copy()
    data.insert(1, "report", [claims.expected(name, "verdict") for name in data["name"]])
    return Table.of("dirac", data, COLUMNS, shown=data.assign(game=data.apply(_game, axis=1)))


def _game(row: pd.Series) -> str:
    penalty = "" if row["penalty"] == "none" else f" + {row['coefficient']:g} {row['penalty'].upper()}"
    average = "" if pd.isna(row["ema"]) else f", EMA {row['ema']:g}"
    return f"{row['metric'].upper()}{penalty}{average}"


def _figures(names: list[str], columns: int = 2) -> str:
    cells = [f'<img src="figures/dirac/{name}.png" alt="{name}" width="400">' for name in names]
    return "\n".join(" ".join(cells[i : i + columns]) + "<br>" for i in range(0, len(cells), columns))


def _metrics(row: pd.Series[Any]) -> dict[str, Any]:
    """Metrics of a game: of its average, where one is kept, which the report looked at."""
    suffix = "" if pd.isna(row["ema"]) else "_ema"
    columns = ("verdict", "agreement", "rate_per_1000", "final_distance")
    return {column: row[column + suffix] for column in columns}
