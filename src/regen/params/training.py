"""The section training."""

from __future__ import annotations

from pydantic import Field

from regen.params.base import (
    Count,
    Section,
)


class Training(Section):
    """How runs are trained, as far as it does not change what comes out."""

    checkpoint_every: Count = Field(description="epochs between two checkpoints")
    cuda_graphs: bool = Field(
        description="on CUDA, record a GAN's step once and replay it; elsewhere it changes nothing"
    )
