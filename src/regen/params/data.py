"""The section data."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from regen.params.base import (
    CorpusName,
    DatasetName,
    Section,
    Sha256,
    distinct,
)


class Data(Section):
    """Data sets to prepare, and where to look for the downloads first."""

    sets: Annotated[list[DatasetName], AfterValidator(distinct)] = Field(
        min_length=1, description="data sets to prepare; the data of every run must be among them"
    )
    corpora: Annotated[list[CorpusName], AfterValidator(distinct)] = Field(
        min_length=1, description="corpora of sentence pairs to prepare, for translation"
    )
    mirror: str | None = Field(description="URL or folder tried before the public mirrors")
    sha256: dict[DatasetName, Sha256] = Field(
        description="by data set, SHA-256 of the archive if the mirror has another version"
    )
