"""The section depth."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from regen.params.base import Count, Positive, Section, Seeds, distinct


class Depth(Section):
    """Stacks of self-attention, normalised after each block or before it: gradients, and a copy task."""

    depths: Annotated[list[Count], AfterValidator(distinct)] = Field(
        min_length=1, description="numbers of blocks"
    )
    width: Annotated[int, Field(ge=3)] = Field(description="entries of a state")
    heads: Count = Field(description="heads of attention; a divisor of `width`")
    length: Annotated[int, Field(ge=2)] = Field(description="words of a sequence")
    words: Annotated[int, Field(ge=2)] = Field(description="words to choose from")
    seeds: Annotated[int, Field(ge=2, le=1000)] = Field(
        description="stacks whose gradients are measured at initialisation, with consecutive seeds"
    )
    sequences: Count = Field(description="sequences per gradient at initialisation")
    steps: Count = Field(description="steps of Adam on the copy task, without warm-up")
    learning_rate: Positive = Field(description="Adam's step size")
    batch_size: Count = Field(description="sequences per step")
    training_seeds: Seeds = Field(description="train each stack once with each")

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            allowed = ", ".join(str(n) for n in range(1, self.width + 1) if self.width % n == 0)
            raise ValueError(f"heads {self.heads}: allowed: divisors of width {self.width}: {allowed}")
        return self
