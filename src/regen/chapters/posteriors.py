"""Two posteriors of one VAE, a part of the VAEs' chapter: a Gaussian, and planar maps after it."""

from __future__ import annotations

import pandas as pd

from regen.artifacts import metric
from regen.params import Params
from regen.report.chapter import Table
from regen.report.columns import Column

COLUMNS = (
    Column("score", "test images, nats"),
    Column("gaussian", "Gaussian posterior"),
    Column("planar", "planar posterior"),
    Column("difference"),
    Column("standard_error", "s.e."),
    Column("pairs", "pairs of seeds"),
)


def twins(params: Params) -> list[tuple[str, str]]:
    """Pairs of runs that differ in planar maps after the Gaussian alone: without, with.

    A run with such maps is in one pair, with the run that has the most seeds in common with it.
    """
    changes = {"planar_layers": 0, "seeds": None}
    pairs = []
    for name, run in params.vae.items():
        like = run.model_copy(update=changes)
        plain = [
            other
            for other, theirs in params.vae.items()
            if theirs.planar_layers == 0 and theirs.model_copy(update=changes) == like
        ]
        if plain and run.sees_binary and run.planar_layers > 0:
            seeds = set(params.seeds_of(name))
            pairs.append((max(plain, key=lambda other: len(seeds & set(params.seeds_of(other)))), name))
    return pairs


def posterior_table(name: str, gaussian: pd.DataFrame, planar: pd.DataFrame) -> Table:
    """ELBO, log p and their gap of two runs, paired by seed: difference and standard error.

    Both tables have a row a seed, with log_p and elbo.
    """
    rows = []
    plain, mapped = (  # a word, 'not finite', is no number: that seed makes no pair
        table.set_index("seed")
        .apply(pd.to_numeric, errors="coerce")
        .assign(gap=lambda scores: scores.log_p - scores.elbo)
        for table in (gaussian, planar)
    )
    for score, words in (("elbo", "ELBO"), ("log_p", "log p(x)"), ("gap", "gap")):
        difference = (mapped[score] - plain[score]).dropna()
        rows.append(
            {
                "score": words,
                "gaussian": metric(float(plain[score].mean(skipna=False))),
                "planar": metric(float(mapped[score].mean(skipna=False))),
                "difference": difference.mean(),
                "standard_error": difference.sem(),
                "pairs": len(difference),
            }
        )
    return Table(f"posterior_{name}", pd.DataFrame(rows), COLUMNS)
