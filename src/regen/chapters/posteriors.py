"""Two posteriors of one VAE in the report: a Gaussian, and planar maps after it."""

from __future__ import annotations

import pandas as pd

from regen.artifacts import metric
from regen.params import Params
from regen.report.markdown import markdown

HEADINGS = {
    "score": "test images, nats",
    "gaussian": "Gaussian posterior",
    "planar": "planar posterior",
    "difference": "difference",
    "standard_error": "s.e.",
    "pairs": "pairs of seeds",
}
SECTION = """\
### {planar}: a planar posterior against {gaussian}'s Gaussian

{table}

The bound is the mean of the K log-weights; the gap is log p(x) - ELBO. Differences are of runs with the same
seed, s.e. the standard error of their mean.

"""


def twins(params: Params) -> list[tuple[str, str]]:
    """Return the pairs of runs that differ in planar maps after the Gaussian alone: without, with."""
    changes = {"planar_layers": 0, "seeds": None}
    return [
        (plain, name)
        for name, run in params.vae.items()
        for plain, other in params.vae.items()
        if run.sees_binary
        and run.planar_layers > 0 == other.planar_layers
        and run.model_copy(update=changes) == other.model_copy(update=changes)
    ]


def posterior_table(gaussian: pd.DataFrame, planar: pd.DataFrame) -> pd.DataFrame:
    """Return ELBO, log p and their gap of two runs, paired by seed: difference and standard error.

    Both tables have a row a seed, with log_p and elbo.
    """
    rows = []
    plain, mapped = (  # a word, 'not finite', is no number: that seed makes no pair
        table.set_index("seed")
        .apply(pd.to_numeric, errors="coerce")
        .assign(gap=lambda scores: scores.log_p - scores.elbo)
        for table in (gaussian, planar)
    )
    for score, name in (("elbo", "ELBO"), ("log_p", "log p(x)"), ("gap", "gap")):
        difference = (mapped[score] - plain[score]).dropna()
        rows.append(
            {
                "score": name,
                "gaussian": metric(float(plain[score].mean(skipna=False))),
                "planar": metric(float(mapped[score].mean(skipna=False))),
                "difference": difference.mean(),
                "standard_error": difference.sem(),
                "pairs": len(difference),
            }
        )
    return pd.DataFrame(rows)


def posterior_markdown(table: pd.DataFrame) -> str:
    """Return the table of two posteriors for readers."""
    return markdown(table, HEADINGS)


def posterior_section(pair: tuple[str, str], table: pd.DataFrame) -> str:
    """Return the part of the page on two runs: without planar maps, with."""
    plain, planar = pair
    return SECTION.format(gaussian=plain, planar=planar, table=posterior_markdown(table))
