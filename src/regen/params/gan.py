"""The section of the GAN room."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from regen.data.catalog import DATASETS
from regen.params.base import Count, DatasetName, Finite, Positive, Section, Seeds, distinct

Beta = Annotated[float, Field(ge=0, lt=1)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Shown = Annotated[
    list[Annotated[int, Field(ge=0)]],
    AfterValidator(distinct),
    Field(min_length=1, description="epochs or steps after which samples are shown; 0: before training"),
]

SMALLEST = 4
"""Side of the smallest feature map of the convolutional networks, in pixels."""


def doublings(shape: tuple[int, ...]) -> int:
    """Count the doublings from a map of side SMALLEST to images of `shape` (C, H, W).

    Raises:
        ValueError: images of that size cannot be made by doubling.
    """
    _, height, width = shape
    times = (height // SMALLEST).bit_length() - 1
    if times < 1 or not height == width == SMALLEST << times:
        raise ValueError(f"makes squares of 8, 16, 32, 64, ... pixels, not {height}x{width}")
    return times


class _GanRun(Section):
    """Keys of all GANs: a generator z -> image in [-1, 1], and a critic image -> real number."""

    data: DatasetName = Field(description="one of data.sets")
    latent: Count = Field(description="dimension of z, which is standard normal")
    slope: Annotated[Finite, Field(ge=0)] = Field(description="slope of LeakyReLU below 0")
    loss: Literal["jsd", "w1", "nonsaturating"] = Field(
        description="both players' metric, or the non-saturating pair of losses"
    )
    spectral_norm: bool = Field(default=False, description="spectral norm in every layer of the critic")
    penalty: Literal["none", "r1", "gp"] = Field(
        default="none", description="penalty on the critic's gradient"
    )
    penalty_coefficient: NotNegative = Field(default=0.0, description="weight of the penalty")
    critic_steps: Count = Field(description="steps of the critic per step of the generator")
    batch_size: Annotated[int, Field(ge=2)] = Field(description="images per step")
    betas: list[Beta] = Field(min_length=2, max_length=2, description="Adam's decay rates, for both players")
    generator_learning_rate: Positive = Field(description="Adam's step size for the generator")
    critic_learning_rate: Positive = Field(description="Adam's step size for the critic")
    critic_weight_decay: NotNegative = Field(
        default=0.0, description="Adam's weight decay for the critic, as an L2 term"
    )
    ema: Beta = Field(
        default=0.0,
        description="decay of the generator's moving average, which is shown in its place; 0: none",
    )
    epochs: Count | None = Field(
        default=None, description="passes over the training images; exclusive with `steps`"
    )
    steps: Count | None = Field(default=None, description="steps of the generator; exclusive with `epochs`")
    shown: Shown
    evaluate_every: Annotated[int, Field(ge=0)] = Field(
        description="epochs or steps between evaluations of the generator; 0: never"
    )
    statistics_batches: Annotated[int, Field(ge=0)] = Field(
        description="batches from which batch norm's statistics are computed before sampling; "
        "0: use the running averages of training"
    )
    seeds: Seeds | None = Field(default=None, description="train once with each; absent: the one `seed`")

    @model_validator(mode="after")
    def _has_images_for_a_step(self) -> Self:
        images, _, _ = DATASETS[self.data].sizes
        if (needed := self.batch_size * self.critic_steps) > images:
            raise ValueError(
                f"batch_size {self.batch_size}: with critic_steps {self.critic_steps} a step of the "
                f"generator takes {needed} images; {self.data} has {images} for training"
            )
        return self

    @model_validator(mode="after")
    def _penalty_and_coefficient_agree(self) -> Self:
        if (self.penalty == "none") != (self.penalty_coefficient == 0):
            allowed = "0" if self.penalty == "none" else "a number above 0"
            raise ValueError(
                f"penalty_coefficient {self.penalty_coefficient:g}: with penalty {self.penalty}, allowed: "
                f"{allowed}"
            )
        return self

    @model_validator(mode="after")
    def _is_as_long_as_it_says(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError(f"epochs {self.epochs}, steps {self.steps}: allowed: exactly one of the two")
        if max(self.shown) > self.length:
            raise ValueError(f"shown {self.shown}: allowed: 0 to {self.unit}, which is {self.length}")
        if self.evaluate_every > self.length:
            raise ValueError(
                f"evaluate_every {self.evaluate_every}: allowed: 0 to {self.unit}, which is {self.length}"
            )
        return self

    @property
    def unit(self) -> Literal["epochs", "steps"]:
        """Unit of `length`, `shown` and `evaluate_every`."""
        return "steps" if self.epochs is None else "epochs"

    @property
    def length(self) -> int:
        """Length of the run, in its unit."""
        return self.epochs or self.steps or 0


class MlpRun(_GanRun):
    """A GAN of linear layers."""

    networks: Literal["mlp"] = Field(description="architecture of generator and critic")
    generator: list[Count] = Field(description="widths of the generator's hidden layers")
    critic: list[Count] = Field(description="widths of the critic's hidden layers")
    generator_batch_norm: bool = Field(
        default=False, description="batch norm in the generator's hidden layers, from the second on"
    )


class _ConvolutionalRun(_GanRun):
    """A GAN of convolutions, which double or halve the side of the maps."""

    networks: Literal["residual", "dcgan"] = Field(description="architecture of generator and critic")
    width: Count = Field(description="channels next to the image; each halving of the side doubles them")

    @model_validator(mode="after")
    def _doubles_up_to_the_images(self) -> Self:
        try:
            doublings(DATASETS[self.data].shape)
        except ValueError as error:
            raise ValueError(f"networks {self.networks}: {error}, as of {self.data}; try mlp") from None
        return self


class ResidualRun(_ConvolutionalRun):
    """A GAN of convolutions and gated residual blocks."""

    networks: Literal["residual"] = Field(description="architecture of generator and critic")


class DcganRun(_ConvolutionalRun):
    """A DCGAN, with batch norm in generator and critic."""

    networks: Literal["dcgan"] = Field(description="architecture of generator and critic")

    @model_validator(mode="after")
    def _has_no_penalty(self) -> Self:
        if self.penalty != "none":
            raise ValueError(
                f"penalty {self.penalty}: one image's gradient has no meaning under dcgan's batch norm; "
                "allowed: none"
            )
        return self


GanRun = Annotated[ResidualRun | DcganRun | MlpRun, Field(discriminator="networks")]
"""One GAN; `networks` determines which keys it has."""
