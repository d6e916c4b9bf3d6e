"""Settings of a day on a GPU: a small YAML file that names a `params.yaml` and what is done with its runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, Field

from regen.data.catalog import DATASETS
from regen.errors import InputError, suggest
from regen.params import Params, RunName, Section, read_params
from regen.params.base import Count, Positive, distinct
from regen.params.mistakes import explain
from regen.params.yaml_files import read_yaml

ROOT = Path(__file__).parents[2]
PAPER = Path(__file__).with_name("paper.yaml")
SHAPE = (3, 32, 32)
"""Of the images of all runs that are checked."""

Runs = Annotated[list[RunName], AfterValidator(distinct)]


class Checks(Section):
    """The self-checks."""

    tests: str = Field(description="folder whose tests that want CUDA are run")
    runs: Runs = Field(min_length=1, description="GANs on images of 3x32x32")
    recorded_steps: Count = Field(description="steps, recorded against plain")
    steps: Count = Field(description="steps of the loss curves in each precision")
    seeds: Annotated[int, Field(ge=2)] = Field(description="seeds of those curves")


class Table(Section):
    """The benchmark table."""

    precisions: list[Literal["float32", "tf32", "bfloat16"]] = Field(min_length=1)
    steps: Count = Field(description="steps that are timed together")
    repeats: Count = Field(description="how often they are timed")
    samples: Annotated[int, Field(ge=30)] = Field(description="samples of the timed evaluation")
    epochs: dict[RunName, Count] = Field(description="images or pairs of the timed epochs, by run")


class Day(Section):
    """The whole file."""

    params: str = Field(description="settings of the runs, relative to the repository's root")
    runs: Runs = Field(min_length=1, description="GANs in order of worth")
    optional: Runs = Field(description="of these, those left out where their data cannot be had")
    reserve: Positive = Field(description="seconds at the end of a slice, to stop what runs and pack")
    checks: Checks
    table: Table


@dataclass(frozen=True)
class Profile:
    """The settings of a day, and those of its runs."""

    path: Path
    day: Day
    params: Params

    @property
    def params_path(self) -> Path:
        """File of the settings of the runs."""
        return ROOT / self.day.params

    @property
    def precision(self) -> str:
        """Precision of training on CUDA, as the table names it: `auto` is tf32."""
        return "tf32" if self.params.precision == "auto" else self.params.precision


def read_profile(path: Path) -> Profile:
    """Read and check a profile.

    Raises:
        InputError: one line per mistake, with file, key, value and what is allowed.
    """
    if not path.is_file():
        raise InputError(f"--profile: {path}: no such file; allowed: a file like {PAPER.relative_to(ROOT)}")
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: should hold params, runs, checks, table; see {PAPER.relative_to(ROOT)}")
    try:
        day = Day.model_validate(content)
    except pydantic.ValidationError as error:
        raise InputError("\n".join(f"{path}: {line}" for line in explain(error.errors(), Day))) from None
    profile = Profile(path.absolute(), day, read_params(ROOT / day.params))
    _check_runs(profile)
    return profile


def _check_runs(profile: Profile) -> None:
    """Raise an InputError where a run is not one of the settings', or not of a kind that can be done."""
    day, params = profile.day, profile.params
    timed = {**params.vae, **params.realnvp, **params.attention}
    wanted: list[tuple[str, list[str], dict[str, Any]]] = [
        ("runs", day.runs, params.gan),
        ("optional", day.optional, dict.fromkeys(day.runs)),
        ("checks.runs", day.checks.runs, params.gan),
        ("table.epochs", list(day.table.epochs), timed),
    ]
    for key, names, known in wanted:
        for name in names:
            if name not in known:
                raise InputError(f"{profile.path}: {key}: {name!r}: no such run; {suggest(name, known)}")
    for name in day.checks.runs:
        if (shape := DATASETS[params.gan[name].data].shape) != SHAPE:
            raise InputError(
                f"{profile.path}: checks.runs: {name!r}: its images are {shape}; allowed: {SHAPE}"
            )
