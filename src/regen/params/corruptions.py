"""The section corruptions."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, Field

from regen.params.base import Count, Section


def rising(values: list[float]) -> list[float]:
    """Return `values`; ValueError unless each is larger than the one before."""
    if not all(one < other for one, other in pairwise(values)):
        raise ValueError("should rise, each larger than the one before")
    return values


Deviation = Annotated[float, Field(gt=0, le=8)]
"""In pixels; a kernel of a larger one would reach over the smallest images."""
GreyLevels = Annotated[float, Field(gt=0, le=255)]
Weight = Annotated[float, Field(gt=0, le=0.5)]
"""Of the other image in a blend; above one half, it would be the one that is disturbed."""


class Corruptions(Section):
    """Strengths at which training images are corrupted, which the Frechet distance should tell.

    Strength 0, the images as they are, is always measured, too.
    """

    blur: Annotated[list[Deviation], AfterValidator(rising)] = Field(
        min_length=1, description="standard deviations of a Gaussian blur, in pixels; rising"
    )
    noise: Annotated[list[GreyLevels], AfterValidator(rising)] = Field(
        min_length=1, description="standard deviations of added normal noise, in grey levels of 255; rising"
    )
    mixing: Annotated[list[Weight], AfterValidator(rising)] = Field(
        min_length=1,
        description="weights, up to one half, of an image of another class that each is blended with; rising",
    )
    missing: Annotated[list[Count], AfterValidator(rising)] = Field(
        min_length=1, description="numbers of classes that are left out; rising"
    )
    images: Annotated[int, Field(ge=2)] = Field(
        description="number of training images, at most as many as there are test images"
    )
