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
        description="draws of z for each divergence by Monte Carlo"
    )
    noise: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] = Field(
        description="standard deviation of x given z in the model whose p(x) is known"
    )
    observed_per_latent: Annotated[int, Field(ge=1, le=16)] = Field(
        description="values of x for each latent dimension, where x grows with z"
    )
    problems: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="models, each with one observation, whose median error is reported"
    )
    repeats: Annotated[int, Field(ge=2, le=1000)] = Field(description="estimates of each p(x)")
    proposal_shift: Annotated[float, Field(ge=0, le=1)] = Field(
        description="standard deviations by which the importance sampler is off along each axis"
    )
    proposal_spread: Annotated[float, Field(gt=1, le=10)] = Field(
        description="how many times as wide as the posterior the importance sampler is"
    )
    rate_samples: Annotated[list[Samples], AfterValidator(distinct)] = Field(
        min_length=3, description="L, samples of z an estimate"
    )
    rate_latent: Dimension = Field(description="dimension of z there, and where x does not grow with z")
    dimensions: Annotated[list[Dimension], AfterValidator(distinct)] = Field(
        min_length=3, description="D, dimensions of z"
    )
    dimension_samples: Samples = Field(description="samples of z an estimate there")
    gradient_samples: Samples = Field(description="draws of each gradient estimator")
    gradient_dimensions: Annotated[list[Dimension], AfterValidator(distinct)] = Field(
        min_length=1, description="dimensions of z there"
    )
    images: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="random images on which terms of the bound are compared"
    )
    fresh_vaes: Annotated[int, Field(ge=1, le=100)] = Field(
        description="initialisations whose first reconstruction is measured"
    )
