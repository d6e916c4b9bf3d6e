"""The section flow."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from regen.params.base import Count, Positive, Section, distinct


class Flow(Section):
    """Planar flows on two-dimensional targets, for each target, number of layers and way to train."""

    source: Literal["generated", "files"] = Field(
        description="draw points from the targets, or read data_arcs.npy and data_sine.npy from the mirror"
    )
    seeds: Annotated[int, Field(ge=1, le=100)] = Field(
        description="flows trained per run, with consecutive seeds"
    )
    layers: Annotated[list[Count], AfterValidator(distinct)] = Field(
        min_length=1, description="numbers of planar maps k; each k is a stage of its own"
    )
    iterations: Count = Field(description="steps of RMSprop")
    learning_rate: Positive = Field(description="RMSprop's step size")
    batch_size: Count = Field(description="points per step")
    init_scale: Positive = Field(description="standard deviation of the initial u and w; b starts at 0")
    averaged_losses: Count = Field(
        description="number of final minibatch losses that are averaged to the NLL of the course reports"
    )
    evaluation_samples: Count = Field(description="samples for evaluating a trained flow")

    @model_validator(mode="after")
    def _averages_losses_that_there_are(self) -> Self:
        if self.averaged_losses > self.iterations:
            raise ValueError(
                f"averaged_losses {self.averaged_losses}: allowed: 1 to iterations, {self.iterations}"
            )
        return self
