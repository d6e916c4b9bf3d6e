"""The section figures."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from regen.params.base import (
    Section,
    distinct,
)


def _with_png(formats: list[str]) -> list[str]:
    if "png" not in formats:
        raise ValueError("the page shows the PNG files; allowed: png, and pdf beside it")
    return formats


class FigureFiles(Section):
    """How figures are written, those of all rooms."""

    dpi: Annotated[int, Field(ge=50, le=600)] = Field(description="resolution of the PNG files")
    formats: Annotated[list[Literal["png", "pdf"]], AfterValidator(distinct), AfterValidator(_with_png)] = (
        Field(description="files of each figure: png, which the page shows, and where wanted pdf beside it")
    )


class Interpolation(Section):
    """Walks from test images of one class to those of another, through their codes."""

    classes: Annotated[list[Annotated[int, Field(ge=0)]], AfterValidator(distinct)] = Field(
        min_length=2, max_length=2, description="the class to start from and the one to end at"
    )
    steps: Annotated[int, Field(ge=2, le=50)] = Field(description="codes on the way, both ends included")


class Figures(FigureFiles):
    """How figures are written, and what those of the VAEs show."""

    interpolation: Interpolation = Field(description="walks between two classes, where data has labels")
    manifold: Annotated[int, Field(ge=2, le=100)] = Field(
        description="images a side of the picture of a latent space of two dimensions"
    )
