"""The theory that VAEs and GANs rest on, as measured, in the report."""

from __future__ import annotations

import pandas as pd

from regen.artifacts import Metrics
from regen.report.claims import Facts
from regen.report.markdown import markdown, spread
from regen.report.records import Records

KL_HEADINGS = {
    "case": "q, p",
    "closed_form": "closed form",
    "quadrature": "quadrature",
    "monte_carlo": "Monte Carlo",
    "standard_error": "± s.e.",
}
DIMENSION_HEADINGS = {
    "latent": "dimension of z",
    "observed": "of x",
    "log_error_plain": "error of log p(x) from the prior, nats",
    "samples_plain": "samples for 10 %",
    "log_error_importance": "error by importance sampling, nats",
    "samples_importance": "samples for 10 %",
}
METRICS = ("monte_carlo_slope", "importance_slope", "monte_carlo_growth", "importance_growth")

SECTION = """\
## Theory, measured

The KL divergence of two Gaussians in closed form, by quadrature and by Monte Carlo (nats):

{kl_table}

p(x) of a linear Gaussian model, which is known: from samples of the prior the relative error falls like
L^{slope}, and the samples that are needed for 10 % multiply by {growth} with each dimension of z,
where x grows with z; by importance sampling, from a posterior that is a little off, by {importance}.

{dimension_table}

![Error of p(x) over the number of samples](figures/theory/rate.png)

![Error of log p(x) over the dimension of z](figures/theory/dimensions.png)

![Variance of three gradient estimators](figures/theory/gradients.png)

The Bernoulli term as a report prints it, k log x + (1 - k) log(1 - x) with x the data, on binary images:
{printed}; as it is meant: {meant} nats. The least ratio of the score function's variance to the
reparameterised gradient's is {least}, the largest {most}.

The value of the GANs' game at the best critic, E_p log D + E_q log(1 - D), of two normals p and q of the same
variance, q's mean on a grid around p's: at the least {value} nats (-log 4 = -1.386294), where the means
are {shift} apart, and at least {elsewhere} on the rest of the grid. Where D(G(z)) = 0.01, the non-saturating
loss is {ratio} times as steep in the critic's logit as log(1 - D).
"""


def theory_section(records: Records) -> str:
    """Return the theory's part of the page."""
    found = records.theory
    return SECTION.format(
        kl_table=kl_markdown(records.theory_tables["kl"]),
        dimension_table=dimension_markdown(records.theory_tables["dimensions"]),
        slope=spread(found["monte_carlo_slope"], None, 2),
        growth=spread(found["monte_carlo_growth"], None, 2),
        importance=spread(found["importance_growth"], None, 2),
        printed=found["bernoulli_as_printed"],
        meant=spread(found["bernoulli_as_defined"], None, 2),
        least=spread(found["variance_ratio_score_least"], None, 1),
        most=spread(found["variance_ratio_score_most"], None, 0),
        value=spread(found["gan_value"], None, 5),
        shift=spread(found["gan_value_shift"], None, 3),
        elsewhere=spread(found["gan_value_elsewhere"], None, 5),
        ratio=spread(found["gan_gradient_ratio"], None, 0),
    )


def kl_markdown(table: pd.DataFrame) -> str:
    """Return the divergences for readers."""
    cases = [
        f"N({row['mu_q']:g}, {row['var_q']:g}), N({row['mu_p']:g}, {row['var_p']:g})"
        for _, row in table.iterrows()
    ]
    return markdown(table.assign(case=cases), KL_HEADINGS)


def dimension_markdown(table: pd.DataFrame) -> str:
    """Return the errors over the dimension of z for readers, both estimators in a row."""
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
    return markdown(shown, DIMENSION_HEADINGS)


def theory_facts(records: Records) -> dict[str, Facts]:
    """Return what claims may ask for of the theory."""
    return {"theory": Facts({}, records.theory)}


def theory_metrics(records: Records) -> Metrics:
    """Return what `dvc metrics` follows of the theory."""
    return {name: records.theory[name] for name in METRICS}
