"""Theory's chapter: what VAEs and GANs rest on, as measured."""

from __future__ import annotations

import pandas as pd

from regen import artifacts
from regen.report.chapter import Chapter
from regen.report.claims import Facts
from regen.report.columns import Column
from regen.report.markdown import markdown, spread

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
"""After the point, of the figures in the text."""

SECTION = """\
## Theory, measured

The KL divergence of two Gaussians in closed form, by quadrature and by Monte Carlo (nats):

{kl_table}

p(x) of a linear Gaussian model, which is known: from samples of the prior the relative error falls like
L^{monte_carlo_slope}, and the samples that are needed for 10 % multiply by {monte_carlo_growth} \
with each dimension of z,
where x grows with z; by importance sampling, from a posterior that is a little off, by {importance_growth}.

{dimension_table}

![Error of p(x) over the number of samples](figures/theory/rate.png)

![Error of log p(x) over the dimension of z](figures/theory/dimensions.png)

![Variance of three gradient estimators](figures/theory/gradients.png)

The Bernoulli term as a report prints it, k log x + (1 - k) log(1 - x) with x the data, on binary images:
{bernoulli_as_printed}; as it is meant: {bernoulli_as_defined} nats. \
The least ratio of the score function's variance to the
reparameterised gradient's is {variance_ratio_score_least}, the largest {variance_ratio_score_most}.

The value of the GANs' game at the best critic, E_p log D + E_q log(1 - D), of two normals p and q of the same
variance, q's mean on a grid around p's: at the least {gan_value} nats (-log 4 = -1.386294), where the means
are {gan_value_shift} apart, and at least {gan_value_elsewhere} on the rest of the grid. \
Where D(G(z)) = 0.01, the non-saturating
loss is {gan_gradient_ratio} times as steep in the critic's logit as log(1 - D).
"""


def chapter() -> Chapter:
    """Measurements of the theory; InputError names a file that is absent."""
    found = artifacts.read_metrics(artifacts.scores_file("theory", "summary"))
    kl, dimensions = (artifacts.read_csv(artifacts.theory_table_file(name)) for name in ("kl", "dimensions"))
    section = SECTION.format(
        kl_table=kl_markdown(kl),
        dimension_table=dimension_markdown(dimensions),
        **{name: spread(value, None, DIGITS.get(name)) for name, value in found.items()},
    )
    return Chapter(
        section,
        facts={"theory": Facts({}, found)},
        metrics={"theory": {name: found[name] for name in FOLLOWED}},
    )


def kl_markdown(table: pd.DataFrame) -> str:
    """Divergences for readers."""
    cases = [
        f"N({row['mu_q']:g}, {row['var_q']:g}), N({row['mu_p']:g}, {row['var_p']:g})"
        for _, row in table.iterrows()
    ]
    return markdown(table.assign(case=cases), KL)


def dimension_markdown(table: pd.DataFrame) -> str:
    """Errors over the dimension of z for readers, both estimators in a row."""
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
    return markdown(shown, DIMENSIONS)
