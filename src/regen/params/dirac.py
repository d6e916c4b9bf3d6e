"""The section of the Dirac GAN."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from regen.params.base import Count, Positive, Section, distinct


class Dirac(Section):
    """The Dirac GAN: a point theta against a linear critic."""

    seeds: Annotated[int, Field(ge=1, le=1000)] = Field(description="starts of each run; 3 MB of memory each")
    iterations: Count = Field(description="one critic step, then one generator step, each")
    learning_rate: Positive = Field(description="of both players' gradient steps")
    start_scale: Positive = Field(description="standard deviation of the three starting values")
    coefficients: Annotated[list[Positive], AfterValidator(distinct)] = Field(
        min_length=1, description="weights of the penalty; each is tried with R1 and with GP"
    )
    ema: Annotated[float, Field(gt=0, lt=1)] = Field(description="decay of the average of theta")
