"""Checks of settings against the numbers of images and of pixels that the data sets have.

A run that breaks one of these rules would stop only at the end of an epoch, or after all trainings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NoReturn

from regen.data.catalog import DATASETS
from regen.params.layers import Conv, Shape, shapes
from regen.params.score import Classifier, Score
from regen.params.vae import VaeRun

FEWEST_SAMPLES = 4
"""An image and its three neighbours, by which precision and recall judge (`regen.fidelity.scores`)."""


def check_batch_norm(vae: Mapping[str, VaeRun], classifier: Mapping[str, Classifier]) -> None:
    """Raise ValueError where an image is alone in its batch and one of its maps has a single pixel.

    Batch norm would take the deviation of a single number. Linear layers are the VAE section's own concern.
    """
    for name, run in vae.items():
        alone = run.batch_norm and _leaves_one(run.data, run.batch_size)
        if alone and any(maps[1:] == (1, 1) for maps in _normed_maps(run)):
            _refuse(f"vae.{name}", run.data, run.batch_size)
    for data, settings in classifier.items():
        _, *sides = DATASETS[data].shape
        halvings = len(settings.widths) - 1
        if max(sides) <= 2**halvings and _leaves_one(data, settings.batch_size):
            _refuse(f"classifier.{data}", data, settings.batch_size)


def _leaves_one(data: str, batch_size: int) -> bool:
    """Whether one of the training images is the only one of its batch."""
    return batch_size == 1 or DATASETS[data].sizes[0] % batch_size == 1


def _normed_maps(run: VaeRun) -> Iterator[Shape]:
    """Yield the shapes (C, H, W) of the maps of a VAE that batch norm sees: those before pooling."""
    encoder = run.encoder, DATASETS[run.data].shape, False
    decoder = run.decoder[:-1], (run.latent,), True  # its last layer, the output's, has no batch norm
    for layers, start, transposed in (encoder, decoder):
        befores = shapes(layers, start, transposed)[:-1]
        for layer, before in zip(layers, befores, strict=True):
            if isinstance(layer, Conv):
                yield shapes([layer.model_copy(update={"pool": 1})], before, transposed)[-1]


def _refuse(run: str, data: str, batch_size: int) -> NoReturn:
    images = DATASETS[data].sizes[0]
    raise ValueError(
        f"{run}.batch_size: {batch_size}: leaves one of the {images} images of {data} alone, which batch "
        "norm of maps of one pixel cannot take; allowed: a size that leaves none or several"
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
