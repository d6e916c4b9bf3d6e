"""The section data."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from regen.params.base import (
    DatasetName,
    Section,
    Sha256,
    distinct,
)


class Data(Section):
    """Which data sets to prepare, and where to look for the downloads first."""

    sets: Annotated[list[DatasetName], AfterValidator(distinct)] = Field(
        min_length=1, description="data sets that fetch_data prepares"
    )
    mirror: str | None = Field(description="URL or folder tried before the public mirrors")
    sha256: dict[DatasetName, Sha256] = Field(
        default_factory=dict, description="checksums of archives that a mirror holds in another version"
    )
