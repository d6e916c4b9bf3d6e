"""The section of the Dirac GAN."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from regen.params.base import Count, Positive, Section, distinct


class Dirac(Section):
    """The Dirac GAN: a point theta against a linear critic."""

    seeds: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="number of random starts of each run; each takes 3 MB of memory"
    )
    iterations: Count = Field(description="iterations of one critic step followed by one generator step")
    learning_rate: Positive = Field(description="step size of both players")
    start_scale: Positive = Field(description="standard deviation of the three starting values")
    coefficients: Annotated[list[Positive], AfterValidator(distinct)] = Field(
        min_length=1, description="weights of the penalty; each is used with R1 and with GP"
    )
    ema: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="decay of the exponential moving average of theta"
    )
