"""What `params.yaml` may say: typed, validated, one clear line for each mistake.

The values themselves live in `params.yaml` and `profiles/`; nothing here or elsewhere has a second set of
defaults. `params.schema.json` is this module's schema, exported for editors by `make schema`.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

import pydantic
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from regen.data.catalog import DATASETS
from regen.errors import InputError

RUN_NAME = r"^[a-z][a-z0-9_]*$"
TAKEN = ("dirac",)
"""Names under which other stages keep their results, where a run's would lie."""


def suggest(word: str, known: list[str]) -> str:
    """Return `did you mean 'x'? ` where a known word is close, then the list of what is allowed."""
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}allowed: {', '.join(sorted(known))}"


def _known_dataset(name: str) -> str:
    if name not in DATASETS:
        raise ValueError(f"no such data set; {suggest(name, list(DATASETS))}")
    return name


def _free_name(name: str) -> str:
    if name in TAKEN:
        raise ValueError(f"other results have this name; allowed: any but {', '.join(TAKEN)}")
    return name


RunName = Annotated[str, Field(pattern=RUN_NAME), AfterValidator(_free_name)]


def _distinct(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("nothing may stand there twice")
    return values


DatasetName = Annotated[
    str, AfterValidator(_known_dataset), Field(json_schema_extra={"enum": sorted(DATASETS)})
]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A section of `params.yaml`: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Data(Section):
    """Which data sets to prepare, and where to look for the downloads first."""

    sets: Annotated[list[DatasetName], AfterValidator(_distinct)] = Field(
        min_length=1, description="data sets that fetch_data prepares"
    )
    mirror: str | None = Field(description="URL or folder tried before the public mirrors")


class Training(Section):
    """How runs are trained, as far as it does not change what comes out."""

    checkpoint_every: Count = Field(description="epochs between two checkpoints")


class VaeRun(Section):
    """One VAE: data -> encoder -> latent -> decoder, Bernoulli likelihood, standard normal prior."""

    data: DatasetName = Field(description="one of data.sets")
    binarize: bool = Field(description="count intensities above one half as 1, all others as 0")
    encoder: list[Count] = Field(min_length=1, description="widths of the encoder's hidden layers")
    latent: Count = Field(description="dimension of z")
    decoder: list[Count] = Field(min_length=1, description="widths of the decoder's hidden layers")
    activation: Literal["elu", "relu"] = Field(description="between the layers")
    logit_shift: Finite = Field(description="added to the decoder's logits")
    learning_rate: Positive = Field(description="Adam's step size")
    batch_size: Count = Field(description="images a step")
    epochs: Count = Field(description="passes over the training images")

    @property
    def data_label(self) -> str:
        """What to call the data beside a figure: says so where binarizing changes it."""
        changed = self.binarize and not DATASETS[self.data].binary
        return f"{self.data} (binarized)" if changed else self.data


class Likelihood(Section):
    """Importance sampling of log p(x) on the test images."""

    importance_samples: Count = Field(description="K, samples of z an image")
    max_memory: Annotated[int, Field(ge=8)] = Field(description="MiB that the estimator's tensors may hold")


class Dirac(Section):
    """The Dirac GAN: a point theta against a linear critic."""

    seeds: Annotated[int, Field(ge=1, le=1000)] = Field(description="starts of each run; 3 MB of memory each")
    iterations: Count = Field(description="one critic step, then one generator step, each")
    learning_rate: Positive = Field(description="of both players' gradient steps")
    start_scale: Positive = Field(description="standard deviation of the three starting values")
    coefficients: Annotated[list[Positive], AfterValidator(_distinct)] = Field(
        min_length=1, description="weights of the penalty; each is tried with R1 and with GP"
    )
    ema: Annotated[float, Field(gt=0, lt=1)] = Field(description="decay of the average of theta")


class Figures(Section):
    """How figures are written."""

    dpi: Annotated[int, Field(ge=50, le=600)] = Field(description="resolution of the PNG files")


class Params(Section):
    """The whole of `params.yaml`."""

    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(description="the only source of randomness")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        description="auto: an accelerator where there is one"
    )
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = Field(
        description="of matrix products; auto: tf32 on CUDA, float32 elsewhere"
    )
    data: Data
    training: Training
    vae: dict[RunName, VaeRun] = Field(min_length=1, json_schema_extra={"additionalProperties": False})
    likelihood: Likelihood
    dirac: Dirac
    figures: Figures

    @model_validator(mode="after")
    def _runs_have_their_data(self) -> Self:
        for name, run in self.vae.items():
            if run.data not in self.data.sets:
                raise ValueError(
                    f"vae.{name}.data: {run.data!r}: not among data.sets {self.data.sets}; "
                    f"add it there, or use one of those"
                )
        return self

    def vae_run(self, name: str) -> VaeRun:
        """Return the VAE run of that name; InputError names the runs there are."""
        if name not in self.vae:
            raise InputError(f"params.yaml: vae: no run {name!r}; {suggest(name, list(self.vae))}")
        return self.vae[name]


class _Loader(yaml.SafeLoader):
    """YAML in which, as for DVC, 3e-4 is a number, and a key that stands twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key) for key, _ in node.value]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                line = node.value[i][0].start_mark.line + 1
                raise InputError(f"{node.start_mark.name}: line {line}: key {key!r} stands twice")
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds; InputError in one line where it is none, or says a thing twice."""
    try:
        with path.open(encoding="utf-8") as file:
            return yaml.load(file, _Loader)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not YAML: {error}") from None
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); run from the repository's root"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise InputError(f"{path}: {where}not YAML: {getattr(error, 'problem', error)}") from None


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the schema allows in the section that holds `location`'s last key."""
    kind: Any = Params
    for step in location[:-1]:
        if isinstance(kind, type) and issubclass(kind, Section):
            kind = kind.model_fields[str(step)].annotation
        while get_origin(kind) in (Annotated, Union, UnionType):
            kind = get_args(kind)[0]
        if get_origin(kind) is dict and step not in Params.model_fields:
            kind = get_args(kind)[1]
    return list(kind.model_fields) if isinstance(kind, type) and issubclass(kind, Section) else []


def _explain(error: Any) -> str:
    location = tuple(step for step in error["loc"] if step != "[key]")
    key = ".".join(str(step) for step in location)
    if error["type"] == "extra_forbidden":
        return f"{key}: unknown key; {suggest(str(location[-1]), _fields_at(location))}"
    if error["type"] == "missing":
        return f"{key}: missing; the schema asks for it"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    if error["type"] == "string_pattern_mismatch":
        message = "a run's name has lower-case letters, digits and _, and starts with a letter"
    return f"{key}: {error['input']!r}: {message}" if key else message


def _mistyped(errors: list[Any]) -> set[tuple[int | str, ...]]:
    """Return the keys that are missing because an unknown key beside them was meant to be them."""
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    return {
        (*location[:-1], meant)
        for location in unknown
        for meant in difflib.get_close_matches(str(location[-1]), _fields_at(location), n=1)
    }


def _mistakes(errors: list[Any]) -> list[Any]:
    """Leave out a key that is missing where its mistyped form is told of: one mistake, one line."""
    told = _mistyped(errors)
    return [error for error in errors if error["type"] != "missing" or error["loc"] not in told]


def read_params(path: Path = Path("params.yaml")) -> Params:
    """Read and validate `path`.

    Raises:
        InputError: one line for each mistake, with file, key, value and what is allowed.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: should hold sections such as seed, data, vae; see profiles/quick.yaml")
    try:
        return Params.model_validate(content)
    except pydantic.ValidationError as error:
        raise InputError("\n".join(f"{path}: {_explain(e)}" for e in _mistakes(error.errors()))) from None


SCHEMA = Path("params.schema.json")


def schema() -> str:
    """Return the JSON schema of `params.yaml`, as editors read it."""
    return json.dumps(Params.model_json_schema(), indent=2) + "\n"


if __name__ == "__main__":  # `python -m regen.params` exports the schema, `--check` compares
    if "--check" not in sys.argv[1:]:
        SCHEMA.write_text(schema(), encoding="utf-8")
    elif SCHEMA.read_text(encoding="utf-8") != schema():
        sys.exit(f"{SCHEMA}: not the schema of src/regen/params.py; run `make schema`")
