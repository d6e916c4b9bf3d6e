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
        raise ValueError("png is required, since the page shows it; allowed: png, optionally with pdf")
    return formats


class FigureFiles(Section):
    """File formats of all figures."""

    dpi: Annotated[int, Field(ge=50, le=600)] = Field(
        description="resolution of the PNG files, in dots per inch"
    )
    formats: Annotated[list[Literal["png", "pdf"]], AfterValidator(distinct), AfterValidator(_with_png)] = (
        Field(description="formats of each figure: png, which the page shows, and optionally pdf")
    )


class Interpolation(Section):
    """Interpolations between the codes of test images of two classes."""

    classes: Annotated[list[Annotated[int, Field(ge=0)]], AfterValidator(distinct)] = Field(
        min_length=2, max_length=2, description="the classes at the start and at the end"
    )
    steps: Annotated[int, Field(ge=2, le=50)] = Field(description="number of codes, including both ends")


class Figures(FigureFiles):
    """File formats of all figures, and contents of the VAEs' figures."""

    interpolation: Interpolation = Field(
        description="interpolations between two classes, for data with labels"
    )
    manifold: Annotated[int, Field(ge=2, le=100)] = Field(
        description="images per side of the latent manifold, for VAEs with two latent dimensions"
    )
