"""The sections of the VAE room."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from regen.data.catalog import DATASETS
from regen.params.base import (
    Count,
    DatasetName,
    Finite,
    Positive,
    Section,
    Seeds,
    ShownEpochs,
    check_shown,
)
from regen.params.layers import Conv, Layer, shapes


class VaeRun(Section):
    """One VAE: data -> encoder -> latent -> decoder, Bernoulli likelihood, standard normal prior."""

    data: DatasetName = Field(description="one of data.sets")
    binarize: bool = Field(default=False, description="count intensities above one half as 1, others as 0")
    encoder: list[Layer] = Field(
        min_length=1, description="the encoder's hidden layers: widths, convolutions"
    )
    latent: Annotated[int, Field(ge=1, le=10_000)] = Field(description="dimension of z")
    decoder: list[Layer] = Field(
        min_length=1, description="the decoder's hidden layers; a last convolution is the output layer"
    )
    activation: Literal["elu", "relu"] = Field(description="between the layers")
    batch_norm: bool = Field(default=False, description="before each activation")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="share of each hidden layer's outputs that training leaves out"
    )
    logit_shift: Finite = Field(default=0.0, description="added to the decoder's logits")
    learning_rate: Positive = Field(description="Adam's step size")
    batch_size: Count = Field(description="images a step")
    epochs: Count = Field(description="passes over the training images")
    shown_epochs: ShownEpochs
    planar_layers: Annotated[int, Field(ge=0)] = Field(
        default=0, description="planar maps after the Gaussian posterior; 0: none"
    )
    seeds: Seeds | None = Field(default=None, description="train once with each; absent: the one `seed`")

    @model_validator(mode="after")
    def _shows_epochs_that_there_are(self) -> Self:
        check_shown(self.shown_epochs, self.epochs)
        return self

    @model_validator(mode="after")
    def _layers_fit_the_images(self) -> Self:
        image = DATASETS[self.data].shape
        for key, start, transposed in (("encoder", image, False), ("decoder", (self.latent,), True)):
            layers = getattr(self, key)
            try:
                end = shapes(layers, start, transposed)[-1]
            except ValueError as error:
                raise ValueError(f"{key}: {error}") from None
        if isinstance(layers[-1], Conv) and end != image:
            ours, theirs = ("x".join(map(str, shape)) for shape in (end, image))
            raise ValueError(
                f"decoder: its last convolution gives {ours}; allowed: {theirs}, as {self.data} is"
            )
        return self

    @property
    def data_label(self) -> str:
        """What to call the data beside a figure: says so where binarizing changes it."""
        changed = self.binarize and not DATASETS[self.data].binary
        return f"{self.data} (binarized)" if changed else self.data

    @property
    def sees_binary(self) -> bool:
        """Whether all that it sees is 0 or 1, so that a Bernoulli likelihood is one of its data."""
        return self.binarize or DATASETS[self.data].binary
