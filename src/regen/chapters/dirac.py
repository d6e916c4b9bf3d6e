"""The Dirac games in the report."""

from __future__ import annotations

from typing import Any

import pandas as pd

from regen.params import Params
from regen.report.claims import Claims
from regen.report.markdown import markdown

HEADINGS = {
    "name": "run",
    "game": "game",
    "report": "the report says",
    "verdict": "verdict",
    "agreement": "seeds that agree",
    "rate_per_1000": "change of log distance per 1000 iterations",
    "final_distance": "final distance",
    "worst_distance": "worst distance",
    "verdict_ema": "verdict on the average",
    "rate_per_1000_ema": "its rate",
    "final_distance_ema": "its final distance",
    "spectral_radius": "spectral radius",
    "theory": "theory",
}

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


def dirac_table(verdicts: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """Return the verdicts with the report's wording beside each: for the averaged runs, of the average."""
    table = verdicts.copy()
    table.insert(1, "report", [claims.expected(name, "verdict") for name in table["name"]])
    return table


def dirac_markdown(table: pd.DataFrame) -> str:
    """Return the Dirac table for readers."""
    return markdown(table.assign(game=table.apply(_game, axis=1)), HEADINGS)


def _game(row: pd.Series) -> str:
    penalty = "" if row["penalty"] == "none" else f" + {row['coefficient']:g} {row['penalty'].upper()}"
    average = "" if pd.isna(row["ema"]) else f", EMA {row['ema']:g}"
    return f"{row['metric'].upper()}{penalty}{average}"


def dirac_section(params: Params, table: pd.DataFrame) -> str:
    """Return the games' part of the page."""
    return SECTION.format(
        starts=params.dirac.seeds,
        games=len(table),
        iterations=params.dirac.iterations,
        table=dirac_markdown(table),
        figures=_figures(list(table["name"])),
    )


def _figures(names: list[str], columns: int = 2) -> str:
    cells = [f'<img src="figures/dirac/{name}.png" alt="{name}" width="400">' for name in names]
    return "\n".join(" ".join(cells[i : i + columns]) + "<br>" for i in range(0, len(cells), columns))


def dirac_metrics(verdicts: pd.DataFrame) -> dict[str, Any]:
    """Return each game's verdict (of the average, where one is kept), its rate and final distance."""
    return {row["name"]: _metrics(row) for _, row in verdicts.iterrows()}


def _metrics(row: pd.Series[Any]) -> dict[str, Any]:
    suffix = "" if pd.isna(row["ema"]) else "_ema"
    columns = ("verdict", "agreement", "rate_per_1000", "final_distance")
    return {column: row[column + suffix] for column in columns}
