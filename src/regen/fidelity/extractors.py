"""Feature extractors: images (N, C, H, W) uint8 -> features (N, D) and logits (N, classes).

torch-fidelity knows all three by name: importing this module registers those that it lacks.

References:
    Large Scale GAN Training for High Fidelity Natural Image Synthesis (Brock, Donahue and Simonyan, 2019),
    its PyTorch code's WrapInception: the protocol of `inception-torchvision`.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY, register_feature_extractor
from torch_fidelity.utils import create_feature_extractor
from torchvision.models import Inception3

from regen.errors import InputError
from regen.fidelity.classifier import Encoded, load_classifier
from regen.fidelity.weights import digest, read_state
from regen.training.device import cast, full_products, place, plain

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INCEPTION_SIZE = 299
INCEPTION_BATCH = 32
"""Maximum batch size of an Inception on a CPU, where each image takes 14 MB."""


def inception_input(images: Tensor) -> Tensor:
    """Preprocess `images` (N, 3, H, W) uint8 for Inception as in the protocol: (N, 3, 299, 299).

    Scaled from [-1, 1] to [0, 1], which is division by 255; normalised by ImageNet's mean and standard
    deviation; resized bilinearly with aligned corners, without antialiasing. torchvision's `transform_input`,
    which its pretrained weights enable, would undo the normalisation and is disabled.
    """
    mean, std = (torch.tensor(each, device=images.device) for each in (IMAGENET_MEAN, IMAGENET_STD))
    x = (cast(images) / 255 - mean[:, None, None]) / std[:, None, None]
    return F.interpolate(x, size=(INCEPTION_SIZE,) * 2, mode="bilinear", align_corners=True)


class _TwoLayers(FeatureExtractorBase):
    """An extractor of features and logits."""

    FEATURES: str

    @classmethod
    def get_provided_features_list(cls) -> tuple[str, str]:
        """Names of the two layers."""
        return cls.FEATURES, "logits"

    @classmethod
    def get_default_feature_layer_for_metric(cls, metric: str) -> str:
        """Layer used by a score: the logits for the Inception Score, the features for all others."""
        return "logits" if metric == "isc" else cls.FEATURES

    def requested(self, encoded: Encoded) -> tuple[Tensor, ...]:
        """Select the requested layers, in that order."""
        layers = {self.FEATURES: encoded.features, "logits": encoded.logits}
        return tuple(layers[name] for name in self.features_list)


class TorchvisionInception(_TwoLayers):
    """torchvision's Inception v3: pooled features (N, 2048) and the logits of its last layer (N, 1000)."""

    FEATURES = "2048"

    def __init__(
        self, name: str, features_list: list[str], feature_extractor_weights_path: Path, **_: Any
    ) -> None:
        super().__init__(name, features_list)
        network = Inception3(transform_input=False, init_weights=False)
        network.load_state_dict(read_state(Path(feature_extractor_weights_path)))
        self.head = network.fc
        network.fc = torch.nn.Identity()
        self.body = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the requested layers of `images` (N, 3, H, W) uint8."""
        features = self.body(plain(inception_input(images)))
        return self.requested(Encoded(features, self.head(features)))


class ClassifierExtractor(_TwoLayers):
    """The classifier trained by the pipeline: its penultimate layer and its logits."""

    FEATURES = "features"

    def __init__(
        self, name: str, features_list: list[str], feature_extractor_weights_path: Path, **_: Any
    ) -> None:
        super().__init__(name, features_list)
        self.network = load_classifier(Path(feature_extractor_weights_path))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the requested layers of `images` (N, C, H, W) uint8, of the size used in training."""
        return self.requested(self.network(images))


for _name, _extractor in (
    ("inception-torchvision", TorchvisionInception),
    ("classifier", ClassifierExtractor),
):
    if _name not in FEATURE_EXTRACTORS_REGISTRY:
        register_feature_extractor(_name, _extractor)


@dataclass(frozen=True)
class Extractor:
    """A feature extractor on its device, for any number of images."""

    name: str
    file: Path
    """File of its weights."""
    weights: str
    """The `digest` of that file."""
    network: FeatureExtractorBase
    device: torch.device
    batch_size: int

    @property
    def is_inception(self) -> bool:
        """Whether its Frechet distance is an FID."""
        return self.name != "classifier"

    @property
    def origin(self) -> str:
        """Weights as named in scores; the classifier's have no digest, as their last bits may vary."""
        return self.weights if self.is_inception else "trained here"

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Encoded:
        """Compute features (N, D) and logits (N, classes) of `images` (N, C, H, W) uint8, on the device.

        For an Inception, grey images are repeated to three channels.

        Raises:
            InputError: the images are not uint8, there are none, they have the wrong number of channels, or a
                feature is not finite.
        """
        images = self._fitting(images)
        with torch.autocast(self.device.type, enabled=False), full_products():  # as those of the reference
            parts = [self.network(batch.to(self.device)) for batch in images.split(self.batch_size)]
        encoded = Encoded(*(torch.cat(layer) for layer in zip(*parts, strict=True)))
        if not all(layer.isfinite().all() for layer in encoded):
            raise InputError(
                f"{self.file}: features of images that are not finite; the weights of {self.name} are "
                f"damaged: make them again, or set score.weights in params.yaml to others"
            )
        return encoded

    def _fitting(self, images: Tensor) -> Tensor:
        """Convert `images` to the channels of the network."""
        check_images(images)
        shape = tuple(images.shape[1:])
        if isinstance(self.network, ClassifierExtractor):
            if shape != (expected := self.network.network.shape):
                raise InputError(f"images of shape {shape}: the classifier was trained on {expected}")
            return images
        if shape[0] not in (1, 3):
            raise InputError(f"images of shape {shape}: {self.name} takes 3 channels, or 1 of grey")
        return images.expand(-1, 3, -1, -1)


def check_images(images: Tensor) -> None:
    """Raise an InputError unless `images` are (N, C, H, W) uint8, N at least 1."""
    if images.dtype != torch.uint8 or images.dim() != 4 or not len(images):
        kind = str(images.dtype).removeprefix("torch.")
        raise InputError(
            f"images of shape {tuple(images.shape)} and type {kind}: "
            f"should be (N, C, H, W) uint8, from 0 to 255, at least one"
        )


def load_extractor(name: str, weights: Path, device: torch.device, batch_size: int) -> Extractor:
    """Load the extractor of that name with the weights of a file, frozen and in evaluation mode.

    Does not change torch's global generators.

    Raises:
        InputError: the file does not contain the weights of such a network, or would run code.
    """
    # torch-fidelity would unpickle the file, whatever it contains, so it is given safely loaded weights
    source = weights if name in _OURS else _saved_again(read_state(weights))
    try:
        with torch.random.fork_rng(devices=[]):
            network = create_feature_extractor(
                name,
                _layers(name),
                cuda=False,
                verbose=False,
                feature_extractor_weights_path=source,
                feature_extractor_internal_dtype=str(torch.get_default_dtype()).removeprefix("torch."),
            )
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{weights}: not the weights of {name} ({reason} ...)") from None
    if name != "classifier" and device.type == "cpu":
        batch_size = min(batch_size, INCEPTION_BATCH)
    network = place(network, device)
    return Extractor(name, weights, digest(weights), network, device, batch_size)


_OURS = ("inception-torchvision", "classifier")


def _layers(name: str) -> list[str]:
    extractor = FEATURE_EXTRACTORS_REGISTRY[name]
    return [extractor.get_default_feature_layer_for_metric(metric) for metric in ("fid", "isc")]


def _saved_again(state: dict[str, Tensor]) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file
