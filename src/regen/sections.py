"""The sections of `params.yaml`: what each key may hold, and what it is for."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from regen.data.catalog import DATASETS
from regen.mistakes import suggest

RUN_NAME = r"^[a-z][a-z0-9_]*$"
TAKEN = ("dirac", "flow", "theory")
"""Names under which other stages keep their results, where a run's would lie."""


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
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Samples = Annotated[int, Field(ge=2, le=100_000)]
Dimension = Annotated[int, Field(ge=1, le=64)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Seeds = Annotated[list[Seed], AfterValidator(_distinct), Field(min_length=1)]
ShownEpochs = Annotated[
    list[Annotated[int, Field(ge=0)]],
    AfterValidator(_distinct),
    Field(min_length=1, description="epochs whose samples are shown; 0 is before training"),
]


class Section(BaseModel):
    """A section of `params.yaml`: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _check_shown(shown_epochs: list[int], epochs: int) -> None:
    if max(shown_epochs) > epochs:
        raise ValueError(f"shown_epochs {shown_epochs}: allowed: 0 to epochs, which is {epochs}")


class Data(Section):
    """Which data sets to prepare, and where to look for the downloads first."""

    sets: Annotated[list[DatasetName], AfterValidator(_distinct)] = Field(
        min_length=1, description="data sets that fetch_data prepares"
    )
    mirror: str | None = Field(description="URL or folder tried before the public mirrors")
    sha256: dict[DatasetName, Sha256] = Field(
        default_factory=dict, description="checksums of archives that a mirror holds in another version"
    )


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
    shown_epochs: ShownEpochs
    planar_layers: Annotated[int, Field(ge=0)] = Field(
        description="planar maps after the Gaussian posterior; 0: none"
    )
    seeds: Seeds | None = Field(default=None, description="train once with each; absent: the one `seed`")

    @model_validator(mode="after")
    def _shows_epochs_that_there_are(self) -> Self:
        _check_shown(self.shown_epochs, self.epochs)
        return self

    @property
    def data_label(self) -> str:
        """What to call the data beside a figure: says so where binarizing changes it."""
        changed = self.binarize and not DATASETS[self.data].binary
        return f"{self.data} (binarized)" if changed else self.data


class RealNvpRun(Section):
    """One RealNVP: images, dequantised, through a logit and affine couplings to a standard normal."""

    data: DatasetName = Field(description="one of data.sets")
    couplings: Count = Field(description="affine couplings, with checkerboard masks that alternate")
    hidden: list[Count] = Field(min_length=1, description="widths of the couplings' hidden layers")
    alpha: Annotated[float, Field(gt=0, lt=1)] = Field(description="the logit's margin at 0 and 1, together")
    learning_rate: Positive = Field(description="Adam's step size")
    batch_size: Count = Field(description="images a step")
    clip_norm: Positive = Field(description="the gradient's norm is cut down to this")
    epochs: Count = Field(description="passes over the training images")
    shown_epochs: ShownEpochs
    temperature: Positive = Field(description="standard deviation of z where images are sampled")

    @model_validator(mode="after")
    def _shows_epochs_that_there_are(self) -> Self:
        _check_shown(self.shown_epochs, self.epochs)
        return self


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


class Flow(Section):
    """The planar flows on two-dimensional targets: each target, number of layers and way to train."""

    source: Literal["generated", "files"] = Field(
        description="points drawn here, or the data_arcs.npy and data_sine.npy of the mirror"
    )
    seeds: Annotated[int, Field(ge=1, le=100)] = Field(description="flows trained of each run")
    layers: Annotated[list[Count], AfterValidator(_distinct)] = Field(
        min_length=1, description="k, planar maps of a flow; each k is one stage"
    )
    iterations: Count = Field(description="steps of RMSprop")
    learning_rate: Positive = Field(description="RMSprop's step size")
    batch_size: Count = Field(description="points a step")
    init_scale: Positive = Field(description="standard deviation of the initial u and w; b starts at 0")
    averaged_losses: Count = Field(description="last minibatch losses whose mean is the reports' NLL")
    evaluation_samples: Count = Field(description="samples of a finished flow, for KL and the like")

    @model_validator(mode="after")
    def _averages_losses_that_there_are(self) -> Self:
        if self.averaged_losses > self.iterations:
            raise ValueError(
                f"averaged_losses {self.averaged_losses}: allowed: 1 to iterations, {self.iterations}"
            )
        return self


class Theory(Section):
    """Theory, measured: closed forms, estimators of p(x), gradients through sampling, terms of the bound."""

    kl_samples: Annotated[int, Field(ge=100, le=100_000)] = Field(
        description="draws of z for each divergence by Monte Carlo"
    )
    noise: Annotated[float, Field(ge=0.1, allow_inf_nan=False)] = Field(
        description="standard deviation of x given z in the model whose p(x) is known"
    )
    observed_per_latent: Annotated[int, Field(ge=1, le=16)] = Field(
        description="values of x for each latent dimension, where x grows with z"
    )
    problems: Annotated[int, Field(ge=1, le=1000)] = Field(
        description="models, each with one observation, whose median error is reported"
    )
    repeats: Annotated[int, Field(ge=2, le=1000)] = Field(description="estimates of each p(x)")
    proposal_shift: Annotated[float, Field(ge=0, le=1)] = Field(
        description="standard deviations by which the importance sampler is off along each axis"
    )
    proposal_spread: Annotated[float, Field(gt=1, le=10)] = Field(
        description="how many times as wide as the posterior the importance sampler is"
    )
    rate_samples: Annotated[list[Samples], AfterValidator(_distinct)] = Field(
        min_length=3, description="L, samples of z an estimate"
    )
    rate_latent: Dimension = Field(description="dimension of z there, and where x does not grow with z")
    dimensions: Annotated[list[Dimension], AfterValidator(_distinct)] = Field(
        min_length=3, description="D, dimensions of z"
    )
    dimension_samples: Samples = Field(description="samples of z an estimate there")
    gradient_samples: Samples = Field(description="draws of each gradient estimator")
    gradient_dimensions: Annotated[list[Dimension], AfterValidator(_distinct)] = Field(
        min_length=1, description="dimensions of z there"
    )
    images: Annotated[int, Field(ge=1, le=10_000)] = Field(
        description="random images on which terms of the bound are compared"
    )
    fresh_vaes: Annotated[int, Field(ge=1, le=100)] = Field(
        description="initialisations whose first reconstruction is measured"
    )


class Figures(Section):
    """How figures are written."""

    dpi: Annotated[int, Field(ge=50, le=600)] = Field(description="resolution of the PNG files")
