"""The whole of `params.yaml`: its sections, and validation across sections."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Literal, Self, TypeVar

import pydantic
from pydantic import Field, model_validator

from regen.data.catalog import DATASETS, is_official
from regen.errors import InputError
from regen.params.attention import Translation, TranslatorRun
from regen.params.base import DatasetName, RunName, Section, Seed
from regen.params.corruptions import Corruptions
from regen.params.data import Data
from regen.params.depth import Depth
from regen.params.dirac import Dirac
from regen.params.figures import Figures
from regen.params.gan import GanRun
from regen.params.likelihood import Likelihood
from regen.params.mistakes import explain, suggest
from regen.params.planar import Flow
from regen.params.realnvp import RealNvpRun
from regen.params.score import Classifier, Score
from regen.params.sizes import check_batch_norm, check_scores
from regen.params.theory import Theory
from regen.params.training import Training
from regen.params.vae import VaeRun
from regen.params.yaml_files import read_yaml

IMAGE_FAMILIES = ("vae", "realnvp", "gan")
"""Sections of named runs on images."""
FAMILIES = (*IMAGE_FAMILIES, "attention")
"""All sections of named runs."""

COPY = " (copy)"
"""Mark after the name of data whose archive is not the official one."""

Run = TypeVar("Run")


class Params(Section):
    """The whole of `params.yaml`."""

    seed: Seed = Field(description="the only source of randomness")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        description="where to compute; auto: an accelerator if there is one"
    )
    precision: Literal["auto", "float64", "float32", "tf32", "bfloat16"] = Field(
        description="floating-point precision; auto: float32, on CUDA with tf32 matrix products, and in GANs "
        "and classifiers of convolutions bfloat16 on a CPU that has instructions for it"
    )
    data: Data
    training: Training
    vae: dict[RunName, VaeRun] = Field(min_length=1, json_schema_extra={"additionalProperties": False})
    likelihood: Likelihood
    dirac: Dirac
    flow: Flow
    realnvp: dict[RunName, RealNvpRun] = Field(
        min_length=1, json_schema_extra={"additionalProperties": False}
    )
    gan: dict[RunName, GanRun] = Field(min_length=1, json_schema_extra={"additionalProperties": False})
    attention: dict[RunName, TranslatorRun] = Field(
        min_length=1, json_schema_extra={"additionalProperties": False}
    )
    translation: Translation
    classifier: dict[DatasetName, Classifier] = Field(
        min_length=1,
        description="classifiers by data set, for comparing images with the test images of that data set",
    )
    score: Score
    corruptions: Corruptions
    theory: Theory
    depth: Depth
    figures: Figures

    @model_validator(mode="after")
    def _runs_have_their_data(self) -> Self:
        for family in FAMILIES:
            kind = "sets" if family in IMAGE_FAMILIES else "corpora"
            prepared = getattr(self.data, kind)
            for name, run in getattr(self, family).items():
                if run.data not in prepared:
                    raise ValueError(
                        f"{family}.{name}.data: {run.data!r}: not among data.{kind} {prepared}; "
                        f"add it there, or use one of those"
                    )
        return self

    @model_validator(mode="after")
    def _flows_have_validation_images(self) -> Self:
        for name, run in self.realnvp.items():
            if not DATASETS[run.data].sizes[1]:
                validated = [data for data in self.data.sets if DATASETS[data].sizes[1]]
                raise ValueError(
                    f"realnvp.{name}.data: {run.data!r}: has no validation images; allowed: "
                    f"{', '.join(validated) or 'any data set that has some'}"
                )
        return self

    @model_validator(mode="after")
    def _there_are_classes_to_walk_between(self) -> Self:
        chosen = self.figures.interpolation.classes
        for name, run in self.vae.items():
            classes = DATASETS[run.data].classes
            if classes is not None and max(chosen) >= classes:
                raise ValueError(
                    f"figures.interpolation.classes: {chosen}: {run.data}, the data of vae.{name}, does not "
                    f"have both; allowed: two of 0 to {classes - 1}"
                )
        return self

    @model_validator(mode="after")
    def _what_is_scored_has_something_to_be_held_against(self) -> Self:
        wanted = {f"gan.{name}.data": run.data for name, run in self.gan.items()}
        wanted |= {f"score.runs.{name}": data for name, data in self.score.runs.items()}
        for key, data in wanted.items():
            if data not in self.classifier:
                raise ValueError(
                    f"{key}: {data!r}: has no classifier; allowed: {', '.join(sorted(self.classifier))}, or "
                    "another in the section classifier"
                )
        for data in self.classifier:
            if data not in self.data.sets or DATASETS[data].classes is None:
                allowed = [name for name in self.data.sets if DATASETS[name].classes is not None]
                raise ValueError(
                    f"classifier.{data}: allowed: of data.sets those with labels, {', '.join(allowed)}"
                )
        return self

    @model_validator(mode="after")
    def _there_are_images_enough(self) -> Self:
        check_batch_norm(self.vae, self.classifier)
        check_scores(self.score, self.classifier)
        return self

    @model_validator(mode="after")
    def _corrupted_images_can_be_scored(self) -> Self:
        if (images := self.corruptions.images) < self.score.splits:
            raise ValueError(
                f"corruptions.images {images}: allowed: from score.splits, which is {self.score.splits}"
            )
        return self

    @model_validator(mode="after")
    def _classes_remain(self) -> Self:
        most = max(self.corruptions.missing)
        for data in self.classifier:
            if (classes := DATASETS[data].classes) is not None and most >= classes:
                raise ValueError(
                    f"corruptions.missing: {self.corruptions.missing}: {data} has {classes} classes; "
                    f"allowed: up to {classes - 1}"
                )
        return self

    @model_validator(mode="after")
    def _scored_runs_are_like_what_they_are_held_against(self) -> Self:
        runs = dict(self._image_runs())
        for name, data in self.score.runs.items():
            if name not in runs:
                raise ValueError(f"score.runs.{name}: no such run; {suggest(name, list(runs))}")
            if DATASETS[runs[name].data].shape != DATASETS[data].shape:
                raise ValueError(
                    f"score.runs.{name}: {data!r}: its images are not of the shape of {runs[name].data}'s"
                )
        return self

    @model_validator(mode="after")
    def _run_names_are_unique(self) -> Self:
        planar = re.compile(r"(planar|density)_(arcs|sine)_\d+")
        for family in FAMILIES:
            if taken := sorted(filter(planar.fullmatch, getattr(self, family))):
                raise ValueError(f"{family}.{taken[0]}: the name of a planar flow; allowed: any other name")
        for one, other in combinations(FAMILIES, 2):
            if both := sorted(getattr(self, one).keys() & getattr(self, other).keys()):
                raise ValueError(
                    f"{other}.{both[0]}: already the name of a run of {one}; names must be unique across "
                    "families"
                )
        return self

    def vae_run(self, name: str) -> VaeRun:
        """VAE run of that name; InputError lists the existing ones."""
        return _named("vae", self.vae, name)

    def realnvp_run(self, name: str) -> RealNvpRun:
        """RealNVP run of that name; InputError lists the existing ones."""
        return _named("realnvp", self.realnvp, name)

    def gan_run(self, name: str) -> GanRun:
        """GAN of that name; InputError lists the existing ones."""
        return _named("gan", self.gan, name)

    def translator_run(self, name: str) -> TranslatorRun:
        """Translator of that name; InputError lists the existing ones."""
        return _named("attention", self.attention, name)

    def seeds_of(self, name: str) -> list[int]:
        """Training seeds of the run of that name, of any family.

        Raises:
            InputError: there is no such run; the message lists all runs.
        """
        runs = dict(self._runs())
        if name not in runs:
            raise InputError(f"params.yaml: no run {name!r}; {suggest(name, list(runs))}")
        return runs[name].seeds or [self.seed]

    def only(self, names: Collection[str], classifiers: Collection[str] = ()) -> Self:
        """These settings with the runs of `names` alone, and the classifiers that score them or are listed.

        Sections of which nothing is left are empty.

        Raises:
            InputError: there is no run or classifier of such a name; the message lists all.
        """
        for name in names:
            self.seeds_of(name)
        for data in classifiers:
            _named("classifier", self.classifier, data)
        chosen = {family: _among(getattr(self, family), names) for family in FAMILIES}
        scored = {key: _among(getattr(self.score, key), names) for key in ("runs", "beside")}
        score = self.score.model_copy(update=scored)
        classifier = _among(self.classifier, {*score.runs.values(), *classifiers})
        return self.model_copy(update={**chosen, "score": score, "classifier": classifier})

    def data_label(self, run: VaeRun | RealNvpRun | GanRun) -> str:
        """Name of a run's data for titles of figures, marked if it is binarized or a copy."""
        label = run.data_label if isinstance(run, VaeRun) else run.data
        return label + self.copy_mark(run.data)

    def copy_mark(self, data: str) -> str:
        """Mark to append to the name of a data set whose archive is not the official one."""
        return COPY if data in self.copies else ""

    @property
    def copies(self) -> list[str]:
        """Data sets whose archives are not the official ones."""
        told = self.data.sha256
        return sorted(
            name for name in self.data.sets if name in told and not is_official(DATASETS[name], told[name])
        )

    @property
    def copied_runs(self) -> set[str]:
        """Runs on such data sets."""
        return {name for name, run in self._runs() if run.data in self.copies}

    def _runs(self) -> Iterator[tuple[str, VaeRun | RealNvpRun | GanRun | TranslatorRun]]:
        """Yield the runs of all families with their names."""
        yield from self._image_runs()
        yield from self.attention.items()

    def _image_runs(self) -> Iterator[tuple[str, VaeRun | RealNvpRun | GanRun]]:
        """Yield the runs on images with their names."""
        for family in IMAGE_FAMILIES:
            yield from getattr(self, family).items()


def _among(section: Mapping[str, Run], names: Collection[str]) -> dict[str, Run]:
    return {name: run for name, run in section.items() if name in names}


def _named(family: str, runs: dict[str, Run], name: str) -> Run:
    if name not in runs:
        raise InputError(f"params.yaml: {family}: no run {name!r}; {suggest(name, list(runs))}")
    return runs[name]


def read_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate `path`.

    Raises:
        InputError: one line per mistake, with file, key, value and what is allowed.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: should hold sections such as seed, data, vae; see profiles/quick.yaml")
    try:
        return Params.model_validate(content)
    except pydantic.ValidationError as error:
        lines = explain(error.errors(), Params)
        raise InputError("\n".join(f"{path}: {line}" for line in lines)) from None
