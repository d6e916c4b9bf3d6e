"""The section likelihood."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from regen.params.base import (
    Count,
    Section,
)


class Likelihood(Section):
    """Importance sampling of log p(x) on the test images."""

    importance_samples: Count = Field(description="K, samples of z per image")
    max_memory: Annotated[int, Field(ge=8)] = Field(
        description="memory limit of the estimator's tensors, in MiB"
    )
