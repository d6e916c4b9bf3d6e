"""The page of the last `dvc repro`: tables and figures together, in Markdown that a code host renders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regen.params import Params

VAE_HEADINGS = {
    "run": "run",
    "data": "data",
    "epochs": "epochs",
    "valid_negative_elbo": "valid -ELBO",
    "report_valid_negative_elbo": "(report)",
    "test_log_p": "test log p(x)",
    "standard_error": "± s.e.",
    "report_test_log_p": "(report)",
    "importance_samples": "K",
    "effective_sample_size": "ESS",
    "test_images": "test images",
    "report_data": "(report's data)",
}
DIRAC_HEADINGS = {
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
CLAIM_HEADINGS = {
    "claim": "claim",
    "what": "what",
    "report": "report",
    "ours": "ours",
    "tolerance": "±",
    "verdict": "verdict",
}
VAE_FIGURES = ("learning_curves", "samples", "reconstructions")

PAGE = """\
<!-- written by stages/write_report.py: change params.yaml or the code, not this page -->
# Results of the last `dvc repro`

Seed {seed}. The settings are in [params.yaml](../params.yaml), the numbers in [metrics.json](metrics.json),
the tables also as CSV in [tables/](tables).

## Variational autoencoders

{vae_table}

Nats an image; ESS: effective sample size of the K importance weights; s.e.: standard error over the test
images.{vae_note}

{claims}{vae_figures}

## The Dirac GAN

A point against a linear critic: {games} games, {starts} starts of each, {iterations} iterations. Runs with an
average (EMA) are judged twice: by the players and by the average of theta, which the report looked at.
'Cycles' is a bounded orbit that neither closes in nor grows, which the report calls 'diverges' or 'fails to
converge'. The spectral radius is that of one iteration, linearised at the equilibrium: below 1 the game
converges from nearby, above 1 it cannot.

![All Dirac games: distance to the equilibrium over the iterations](figures/dirac/overview.png)

{dirac_table}

<details><summary>The trajectory of each game</summary>

{dirac_figures}

</details>
"""

CLAIMS = """\
{table}

'Other data' (or epochs, ...): no verdict, since the report's figure was made with another setting. A curve is
compared at the epoch where the two are furthest apart.

"""


def markdown(table: pd.DataFrame, headings: Mapping[str, str]) -> str:
    """Return the columns that `headings` names as a Markdown table of short numbers."""
    cells = table[list(headings)].map(_cell)
    return str(cells.to_markdown(index=False, headers=list(headings.values()), disable_numparse=True))


def _cell(cell: Any) -> str:
    if cell is None or pd.isna(cell):
        return ""
    if not isinstance(cell, int | float):
        return str(cell)
    if cell == round(cell) or abs(cell) >= 1000:
        return f"{cell:.0f}"
    return f"{cell:.2f}" if abs(cell) >= 1 else f"{cell:.3g}"


def dirac_markdown(table: pd.DataFrame) -> str:
    """Return the Dirac table for readers."""
    return markdown(table.assign(game=table.apply(_game, axis=1)), DIRAC_HEADINGS)


def vae_markdown(table: pd.DataFrame) -> str:
    """Return the VAE table for readers."""
    return markdown(table, VAE_HEADINGS)


def _game(row: pd.Series) -> str:
    penalty = "" if row["penalty"] == "none" else f" + {row['coefficient']:g} {row['penalty'].upper()}"
    average = "" if pd.isna(row["ema"]) else f", EMA {row['ema']:g}"
    return f"{row['metric'].upper()}{penalty}{average}"


def _vae_note(table: pd.DataFrame) -> str:
    other = [
        f"`{row['run']}` on {row['data']} (the report: {row['report_data']})"
        for _, row in table.iterrows()
        if isinstance(row["report_data"], str) and row["report_data"] != row["data"]
    ]
    return (
        f"\n**Not the report's data:** {'; '.join(other)}. Don't compare those figures with its."
        if other
        else ""
    )


def _vae_figures(params: Params) -> str:
    images = [
        f"### {run}\n\n" + "\n".join(f"![{run}: {name}](figures/{run}/{name}.png)" for name in VAE_FIGURES)
        for run in params.vae
    ]
    return "\n\n".join(images)


def _dirac_figures(names: list[str], columns: int = 2) -> str:
    cells = [f'<img src="figures/dirac/{name}.png" alt="{name}" width="400">' for name in names]
    return "\n".join(" ".join(cells[i : i + columns]) + "<br>" for i in range(0, len(cells), columns))


def claims_markdown(table: pd.DataFrame) -> str:
    """Return the table of claims for readers."""
    return markdown(table, CLAIM_HEADINGS)


def page(params: Params, vae: pd.DataFrame, claims: pd.DataFrame, dirac: pd.DataFrame) -> str:
    """Return the page, from the three tables and the names of the runs."""
    return PAGE.format(
        seed=params.seed,
        vae_table=vae_markdown(vae),
        vae_note=_vae_note(vae),
        claims="" if claims.empty else CLAIMS.format(table=claims_markdown(claims)),
        vae_figures=_vae_figures(params),
        starts=params.dirac.seeds,
        games=len(dirac),
        iterations=params.dirac.iterations,
        dirac_table=dirac_markdown(dirac),
        dirac_figures=_dirac_figures(list(dirac["name"])),
    )
