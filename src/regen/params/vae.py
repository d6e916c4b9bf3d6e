"""The section vae."""

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
    binarize: bool = Field(default=False, description="round intensities above one half to 1, others to 0")
    encoder: list[Layer] = Field(
        min_length=1, description="hidden layers of the encoder: widths or convolutions"
    )
    latent: Annotated[int, Field(ge=1, le=10_000)] = Field(description="dimension of z")
    decoder: list[Layer] = Field(
        min_length=1,
        description="hidden layers of the decoder; a final convolution is the output layer; "
        "a linear layer before a convolution spreads the code into maps, without activation",
    )
    activation: Literal["elu", "relu"] = Field(description="activation of the hidden layers")
    batch_norm: bool = Field(default=False, description="batch norm before each activation")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        default=0.0, description="dropout probability of the hidden layers"
    )
    logit_shift: Finite = Field(default=0.0, description="constant added to the decoder's logits")
    learning_rate: Positive = Field(description="Adam's step size")
    batch_size: Count = Field(description="images per step")
    epochs: Count = Field(description="passes over the training images")
    shown_epochs: ShownEpochs
    planar_layers: Annotated[int, Field(ge=0)] = Field(
        default=0, description="number of planar maps after the Gaussian posterior"
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
        """Name of the data for titles of figures, marked if it is binarized."""
        changed = self.binarize and not DATASETS[self.data].binary
        return f"{self.data} (binarized)" if changed else self.data

    @property
    def sees_binary(self) -> bool:
        """Whether all its inputs are 0 or 1, so that the Bernoulli likelihood is a likelihood of the data."""
        return self.binarize or DATASETS[self.data].binary
