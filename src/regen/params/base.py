"""Types of values that sections of `params.yaml` share, and the base class of all sections."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from regen.data.catalog import CORPORA, DATASETS
from regen.params.mistakes import suggest

RUN_NAME = r"^[a-z][a-z0-9_]*$"
TAKEN = (
    "attention",
    "corruptions",
    "depth",
    "dirac",
    "fidelity",
    "flow",
    "gan",
    "likelihoods",
    "theory",
    "timings",
    "translations",
    "vae",
)
"""Names that no run may have, since other stages store their results under them."""


def _known_dataset(name: str) -> str:
    if name not in DATASETS:
        raise ValueError(f"no such data set; {suggest(name, list(DATASETS))}")
    return name


def _known_corpus(name: str) -> str:
    if name not in CORPORA:
        raise ValueError(f"no such corpus; {suggest(name, list(CORPORA))}")
    return name


def _free_name(name: str) -> str:
    if name in TAKEN:
        raise ValueError(f"this name is reserved; allowed: any but {', '.join(TAKEN)}")
    return name


RunName = Annotated[str, Field(pattern=RUN_NAME), AfterValidator(_free_name)]


def distinct(values: list[Any]) -> list[Any]:
    """Return `values`; ValueError lists duplicates."""
    if again := [value for value, count in Counter(values).items() if count > 1]:
        raise ValueError(
            f"duplicate {'value' if len(again) == 1 else 'values'} {', '.join(map(repr, again))}"
        )
    return values


DatasetName = Annotated[
    str, AfterValidator(_known_dataset), Field(json_schema_extra={"enum": sorted(DATASETS)})
]
CorpusName = Annotated[str, AfterValidator(_known_corpus), Field(json_schema_extra={"enum": sorted(CORPORA)})]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Samples = Annotated[int, Field(ge=2, le=100_000)]
Dimension = Annotated[int, Field(ge=1, le=64)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
"""Torch's generator on CPUs takes 32 bits; the negative half is for noise independent of the training's."""
Seeds = Annotated[list[Seed], AfterValidator(distinct), Field(min_length=1)]
ShownEpochs = Annotated[
    list[Annotated[int, Field(ge=0)]],
    AfterValidator(distinct),
    Field(min_length=1, description="epochs after which samples are shown; 0: before training"),
]


class Section(BaseModel):
    """A section of `params.yaml`: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def check_shown(shown_epochs: list[int], epochs: int) -> None:
    """Raise ValueError if an epoch to show is after the last one."""
    if max(shown_epochs) > epochs:
        raise ValueError(f"shown_epochs {shown_epochs}: allowed: 0 to epochs, which is {epochs}")
