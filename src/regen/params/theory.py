"""The section theory."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from regen.params.base import (
    Dimension,
    Samples,
    Section,
    distinct,
)


class Theory(Section):
    """Theory, measured: closed forms, estimators of p(x), gradients through sampling, terms of the bound."""

    kl_samples: Annotated[int, Field(ge=100, le=100_000)] = Field(
        description="draws of z per Monte Carlo estimate of a divergence"
    )
    noise: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] = Field(
        description="standard deviation of x given z in the model with known p(x)"
    )
    observed_per_latent: Annotated[int, Field(ge=1, le=16)] = Field(
        description="dimensions of x per latent dimension, where x grows with z"
    )
    problems: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="random models, one observation each, whose median error is reported"
    )
    repeats: Annotated[int, Field(ge=2, le=1000)] = Field(description="estimates per p(x)")
    proposal_shift: Annotated[float, Field(ge=0, le=1)] = Field(
        description="offset of the importance sampler per axis, in standard deviations of the posterior"
    )
    proposal_spread: Annotated[float, Field(gt=1, le=10)] = Field(
        description="width of the importance sampler relative to the posterior"
    )
    rate_samples: Annotated[list[Samples], AfterValidator(distinct)] = Field(
        min_length=3, description="L, samples of z per estimate"
    )
    rate_latent: Dimension = Field(
        description="dimension of z for `rate_samples`, and where x does not grow with z"
    )
    dimensions: Annotated[list[Dimension], AfterValidator(distinct)] = Field(
        min_length=3, description="D, dimensions of z"
    )
    dimension_samples: Samples = Field(description="samples of z per estimate for `dimensions`")
    gradient_samples: Samples = Field(description="draws per gradient estimator")
    gradient_dimensions: Annotated[list[Dimension], AfterValidator(distinct)] = Field(
        min_length=1, description="dimensions of z for the gradient estimators"
    )
    images: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="random images for comparing terms of the bound"
    )
    fresh_vaes: Annotated[int, Field(ge=1, le=100)] = Field(
        description="initialisations for measuring the first reconstruction error"
    )
