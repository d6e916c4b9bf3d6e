"""The section training."""

from __future__ import annotations

from pydantic import Field

from regen.params.base import (
    Count,
    Section,
)


class Training(Section):
    """Settings of training that do not affect the results."""

    checkpoint_every: Count = Field(description="epochs between checkpoints")
    cuda_graphs: bool = Field(
        description="on CUDA, record a GAN's step once and replay it; no effect elsewhere"
    )
