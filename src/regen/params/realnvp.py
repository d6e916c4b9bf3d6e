"""The section realnvp."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from regen.params.base import (
    Count,
    DatasetName,
    Positive,
    Section,
    Seeds,
    ShownEpochs,
    check_shown,
)


class RealNvpRun(Section):
    """One RealNVP: images, dequantised, through a logit and affine couplings to a standard normal."""

    data: DatasetName = Field(description="one of data.sets")
    couplings: Count = Field(description="affine couplings, with checkerboard masks that alternate")
    hidden: list[Count] = Field(min_length=1, description="widths of the couplings' hidden layers")
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(description="the logit's margin at 0 and 1, together")
    learning_rate: Positive = Field(description="Adam's step size")
    batch_size: Count = Field(description="images a step")
    clip_norm: Positive = Field(description="the gradient's norm is cut down to this")
    epochs: Count = Field(description="passes over the training images")
    shown_epochs: ShownEpochs
    temperature: Positive = Field(description="standard deviation of z where images are sampled")
    seeds: Seeds | None = Field(default=None, description="train once with each; absent: the one `seed`")

    @model_validator(mode="after")
    def _shows_epochs_that_there_are(self) -> Self:
        check_shown(self.shown_epochs, self.epochs)
        return self
