"""Checks of settings against the numbers of images and of pixels that the data sets have.

A run that breaks one of these rules would stop only at the end of an epoch, or after all trainings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import NoReturn

from regen.data.catalog import DATASETS
from regen.params.layers import Conv, Shape, is_followed, shapes
from regen.params.score import Classifier, Score
from regen.params.vae import VaeRun

FEWEST_SAMPLES = 4
"""An image and its three neighbours, by which precision and recall judge (`regen.fidelity.scores`)."""


def check_batch_norm(vae: Mapping[str, VaeRun], classifier: Mapping[str, Classifier]) -> None:
    """Raise ValueError where batch norm would take the deviation of a single number.

    That is where an image is alone in its batch, and a layer linear or one of its maps a single pixel.
    """
    for name, run in vae.items():
        alone = run.batch_norm and _leaves_one(run.data, run.batch_size)
        if alone and any(prod(pixels) == 1 for _, *pixels in _normed(run)):
            _refuse(f"vae.{name}", run.data, run.batch_size)
    for data, settings in classifier.items():
        _, *sides = DATASETS[data].shape
        halvings = len(settings.widths) - 1
        if max(sides) <= 2**halvings and _leaves_one(data, settings.batch_size):
            _refuse(f"classifier.{data}", data, settings.batch_size)


def _leaves_one(data: str, batch_size: int) -> bool:
    """Whether one of the training images is the only one of its batch."""
    return batch_size == 1 or DATASETS[data].sizes[0] % batch_size == 1


def _normed(run: VaeRun) -> Iterator[Shape]:
    """Yield the shapes, (D,) or (C, H, W), of hidden layers, which batch norm sees before pooling."""
    image = DATASETS[run.data].shape
    last = [] if isinstance(run.decoder[-1], Conv) else [prod(image)]
    encoder = [*run.encoder, run.latent], image, False
    decoder = [*run.decoder, *last], (run.latent,), True
    for layers, start, transposed in (encoder, decoder):
        for i, (layer, before) in enumerate(zip(layers, shapes(layers, start, transposed), strict=False)):
            if is_followed(layers, i):
                unpooled = layer.model_copy(update={"pool": 1}) if isinstance(layer, Conv) else layer
                yield shapes([unpooled], before, transposed)[-1]


def _refuse(run: str, data: str, batch_size: int) -> NoReturn:
    images = DATASETS[data].sizes[0]
    raise ValueError(
        f"{run}.batch_size: {batch_size}: leaves one of the {images} images of {data} alone, which batch "
        "norm of linear layers and maps of one pixel cannot take; allowed: a size that leaves none or several"
    )


def check_scores(score: Score, references: Mapping[str, Classifier]) -> None:
    """Raise ValueError where there are too few samples to score, or test images to hold them against.

    `references` are the data sets that images are held against. Each has its corrupted images scored, at most
    as many as its test images.
    """
    if score.runs and score.samples < FEWEST_SAMPLES:
        raise ValueError(
            f"score.samples: {score.samples}: allowed: from {FEWEST_SAMPLES}, for precision and recall"
        )
    for data in references:
        *_, images = DATASETS[data].sizes
        for key in ("kid_subset_size", "splits"):
            if (value := getattr(score, key)) > images:
                raise ValueError(
                    f"score.{key}: {value}: {data}, of the section classifier, has {images} test images; "
                    f"allowed: up to {images}"
                )
