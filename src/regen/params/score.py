"""The sections score and classifier."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from regen.errors import suggest
from regen.params.base import Count, DatasetName, Positive, RunName, Section

InceptionName = Literal["inception-torchvision", "inception-v3-compat"]
ExtractorName = Literal["classifier", "inception-torchvision", "inception-v3-compat"]


def _not_blank(weights: str) -> str:
    if not weights.strip():
        raise ValueError("should be a file, a URL, or null")
    return weights


Weights = Annotated[str, AfterValidator(_not_blank)]


class Beside(Section):
    """A scored run that further extractors score as well."""

    # told again, since templates of dvc.yaml cannot look it up in `runs`
    data: DatasetName = Field(description="data set whose test images it is compared to, as in score.runs")
    extractors: list[ExtractorName] = Field(min_length=1, description="networks other than score.extractor")


class Score(Section):
    """How generated images are scored against the test images of a data set."""

    extractor: ExtractorName = Field(description="network whose features and classes are compared")
    weights: dict[InceptionName, Weights | None] = Field(
        description="file or URL of an Inception's weights; null: the usual download"
    )
    samples: Annotated[int, Field(ge=2)] = Field(description="number of generated images")
    splits: Count = Field(description="number of parts whose Inception Scores are averaged")
    batch_size: Count = Field(description="images per batch of the extractor; does not affect the scores")
    kid_subsets: Count = Field(description="number of random subsets whose kernel distances are averaged")
    kid_subset_size: Annotated[int, Field(ge=2)] = Field(description="images per subset")
    runs: dict[RunName, DatasetName] = Field(
        description="runs to score, each with the data set whose test images it is compared to"
    )
    beside: dict[RunName, Beside] = Field(
        description="of these runs, those that other extractors score as well, at their end"
    )

    @property
    def inceptions(self) -> set[InceptionName]:
        """Inceptions that score a run."""
        used = {self.extractor}.union(*(beside.extractors for beside in self.beside.values()))
        return {name for name in get_args(InceptionName) if name in used}

    @model_validator(mode="after")
    def _has_samples_enough(self) -> Self:
        for key in ("splits", "kid_subset_size"):
            if (value := getattr(self, key)) > self.samples:
                raise ValueError(f"{key} {value}: allowed: up to samples, which is {self.samples}")
        return self

    @model_validator(mode="after")
    def _others_score_beside(self) -> Self:
        for name, beside in self.beside.items():
            if name not in self.runs:
                raise ValueError(f"beside.{name}: no such run; {suggest(name, list(self.runs))}")
            if beside.data != self.runs[name]:
                raise ValueError(
                    f"beside.{name}.data: {beside.data!r}: allowed: {self.runs[name]}, as in score.runs"
                )
            if self.extractor in beside.extractors:
                raise ValueError(
                    f"beside.{name}.extractors: {self.extractor!r}: allowed: others than score.extractor"
                )
        return self


class Classifier(Section):
    """A small residual network trained to classify one data set."""

    widths: list[Count] = Field(
        min_length=1,
        description="channels; each width after the first halves the image, the last is that of the features",
    )
    epochs: Count = Field(description="passes over the training images")
    batch_size: Count = Field(description="images per step")
    learning_rate: Positive = Field(
        description="maximum step size of SGD with momentum, in a one-cycle schedule"
    )
    augment: bool = Field(description="train on random crops and horizontal flips")
    pool: bool = Field(
        default=False,
        description="halve the image by maximum pooling after a convolution, rather than by its stride",
    )
    mirror: bool = Field(
        default=False,
        description="take the mean over an image and its mirror image, except while training",
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of each label that is spread over all classes"
    )
