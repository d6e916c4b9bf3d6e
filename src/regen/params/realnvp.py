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
    """One RealNVP: dequantised images through a logit and affine couplings to a standard normal."""

    data: DatasetName = Field(description="one of data.sets")
    couplings: Count = Field(description="number of affine couplings, with alternating checkerboard masks")
    hidden: list[Count] = Field(min_length=1, description="widths of the couplings' hidden layers")
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(description="total margin of the logit at 0 and 1")
    learning_rate: Positive = Field(description="Adam's step size")
    batch_size: Count = Field(description="images per step")
    clip_norm: Positive = Field(description="maximum norm of the gradient of the loss in bits per dimension")
    epochs: Count = Field(description="passes over the training images")
    shown_epochs: ShownEpochs
    temperature: Positive = Field(description="standard deviation of z when sampling images")
    seeds: Seeds | None = Field(default=None, description="train once with each; absent: the one `seed`")

    @model_validator(mode="after")
    def _shows_epochs_that_there_are(self) -> Self:
        check_shown(self.shown_epochs, self.epochs)
        return self
