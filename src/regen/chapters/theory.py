"""Theory's chapter: what VAEs and GANs rest on, as measured."""

from __future__ import annotations

import pandas as pd

from regen import artifacts
from regen.artifacts import Metrics
from regen.report.cells import spread
from regen.report.chapter import Chapter, Table
from regen.report.claims import Facts
from regen.report.columns import Column

KL = (
    Column("case", "q, p"),
    *map(Column, ("closed_form", "quadrature")),
    Column("monte_carlo", "Monte Carlo"),
    Column("standard_error", "± s.e."),
)
DIMENSIONS = (
    Column("latent", "dimension of z"),
    Column("observed", "of x"),
    Column("log_error_plain", "error of log p(x) from the prior, nats"),
    Column("samples_plain", "samples for 10 %"),
    Column("log_error_importance", "error by importance sampling, nats"),
    Column("samples_importance", "samples for 10 %"),
)
FOLLOWED = ("monte_carlo_slope", "importance_slope", "monte_carlo_growth", "importance_growth")
DIGITS = {
    **dict.fromkeys(
        ("monte_carlo_slope", "monte_carlo_growth", "importance_growth", "bernoulli_as_defined"), 2
    ),
    **{"variance_ratio_score_least": 1, "variance_ratio_score_most": 0, "gan_gradient_ratio": 0},
    **{"gan_value": 5, "gan_value_shift": 3, "gan_value_elsewhere": 5},
}
"""After the point."""


def chapter() -> Chapter:
    """Measurements of the theory; InputError names a file that is absent."""
    found = artifacts.read_metrics(artifacts.scores_file("theory", "summary"))
    kl, dimensions = (artifacts.read_csv(artifacts.theory_table_file(name)) for name in ("kl", "dimensions"))
    return Chapter(
        tables=[summary_table(found), kl_table(kl), dimensions_table(dimensions)],
        facts={"theory": Facts({}, {**found, "from_the_prior": from_the_prior(found)})},
        metrics={"theory": {name: found[name] for name in FOLLOWED}},
    )


def from_the_prior(found: Metrics) -> str:
    """What the estimate of log p(x) from samples of the prior is, and becomes as z gets more dimensions.

    Poor is what errs more than importance sampling does.
    """

    def errs_more(one: str, other: str) -> bool:
        return all(
            float(found[one.format(observation)]) > float(found[other.format(observation)])
            for observation in ("grows", "fixed")
        )

    last = "monte_carlo_log_error_{}_last"
    poor = errs_more(last, "importance_log_error_{}_last")
    grows = errs_more(last, "monte_carlo_log_error_{}_first")
    worse = grows and float(found["monte_carlo_growth"]) > 1
    return f"{'poor' if poor else 'good'}, {'gets' if worse else 'does not get'} worse"


def summary_table(found: Metrics) -> Table:
    """Figures on their own, with the digits that tell something."""
    data = pd.DataFrame({"name": list(found), "value": list(found.values())}, dtype=object)
    texts = [spread(value, None, DIGITS.get(name)) for name, value in found.items()]
    return Table("theory", data, [Column("name"), Column("value")], shown=data.assign(value=texts))


def kl_table(table: pd.DataFrame) -> Table:
    """KL divergences of Gaussians, by three ways."""
    cases = [
        f"N({row['mu_q']:g}, {row['var_q']:g}), N({row['mu_p']:g}, {row['var_p']:g})"
        for _, row in table.iterrows()
    ]
    return Table("theory_kl", table, KL, shown=table.assign(case=cases))


def dimensions_table(table: pd.DataFrame) -> Table:
    """Errors over the dimension of z, both estimators in a row."""
    wide = table.pivot(index=["observation", "latent", "observed"], columns="estimator").reset_index()
    plain, importance = sorted(table["estimator"].unique(), key=lambda name: "importance" in name)
    shown = pd.DataFrame(
        {
            "latent": wide["latent"],
            "observed": wide["observed"],
            "log_error_plain": wide["log_error", plain],
            "samples_plain": wide["samples_for_10_percent", plain],
            "log_error_importance": wide["log_error", importance],
            "samples_importance": wide["samples_for_10_percent", importance],
        }
    )
    return Table("theory_dimensions", shown, DIMENSIONS)
