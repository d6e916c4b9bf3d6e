"""The sections of the flow room."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from regen.params.base import Count, Positive, Section, distinct


class Flow(Section):
    """The planar flows on two-dimensional targets: each target, number of layers and way to train."""

    source: Literal["generated", "files"] = Field(
        description="points drawn here, or the data_arcs.npy and data_sine.npy of the mirror"
    )
    seeds: Annotated[int, Field(ge=1, le=100)] = Field(description="flows trained of each run")
    layers: Annotated[list[Count], AfterValidator(distinct)] = Field(
        min_length=1, description="k, planar maps of a flow; each k is one stage"
    )
    iterations: Count = Field(description="steps of RMSprop")
    learning_rate: Positive = Field(description="RMSprop's step size")
    batch_size: Count = Field(description="points a step")
    init_scale: Positive = Field(description="standard deviation of the initial u and w; b starts at 0")
    averaged_losses: Count = Field(description="last minibatch losses whose mean is the reports' NLL")
    evaluation_samples: Count = Field(description="samples of a finished flow, for KL and the like")

    @model_validator(mode="after")
    def _averages_losses_that_there_are(self) -> Self:
        if self.averaged_losses > self.iterations:
            raise ValueError(
                f"averaged_losses {self.averaged_losses}: allowed: 1 to iterations, {self.iterations}"
            )
        return self
