"""Reference features: outputs of an extractor on the test images of a data set, computed once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from regen.artifacts import read_tensors, write_tensors
from regen.artifacts.datasets import Images
from regen.errors import InputError
from regen.fidelity.extractors import Extractor, check_images
from regen.fidelity.gaussians import Gaussian, fit_gaussian

SPLIT = "test"


@dataclass(frozen=True)
class Origin:
    """Images and extractor that reference features were computed from."""

    data: str
    extractor: str
    weights: str
    """Digest of the extractor's weights."""
    shape: str
    """Shape of the images, as `C x H x W`."""


@dataclass(frozen=True)
class Reference:
    """Features (N, D) of a data set's test images, and the Gaussian fitted to them."""

    origin: Origin
    features: Tensor
    gaussian: Gaussian


def shape_label(images: Tensor) -> str:
    """Format the size of `images` (N, C, H, W) as in an `Origin`."""
    return " x ".join(str(side) for side in images.shape[1:])


def measure(extractor: Extractor, images: Images, data: str) -> Reference:
    """Compute the features of `images`, the test images of `data`.

    Raises:
        InputError: the images do not suit the extractor, are all of one class, or a feature is not finite.
    """
    check_images(images.pixels)
    if images.labels is not None and len(images.labels.unique()) < 2:
        raise InputError(f"{data}: {SPLIT}: holds a single class; scores need at least 2 to compare with")
    if len(images.pixels) < 2:
        raise InputError(f"{data}: {SPLIT}: holds a single image; a covariance needs at least 2")
    features = extractor(images.pixels).features
    origin = Origin(data, extractor.name, extractor.weights, shape_label(images.pixels))
    return Reference(origin, features, fit_gaussian(features))


def write_reference(path: Path, reference: Reference) -> None:
    """Publish a reference as one safetensors file: `features`, `mu`, `root`, and its origin."""
    tensors = {"features": reference.features, **vars(reference.gaussian)}
    write_tensors(path, tensors, asdict(reference.origin))


def read_reference(path: Path, device: torch.device) -> Reference:
    """Read a reference written by `write_reference`; InputError if the file is absent or something else."""
    tensors, about = read_tensors(path)
    try:
        origin = Origin(**about)
        gaussian = Gaussian(tensors["mu"], tensors["root"])
        features = tensors["features"].to(device)
    except (KeyError, TypeError):
        raise InputError(f"{path}: not a reference; run the stage measure_reference") from None
    if device.type != "mps":
        gaussian = Gaussian(gaussian.mu.to(device), gaussian.root.to(device))
    return Reference(origin, features, gaussian)
