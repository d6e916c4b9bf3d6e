"""A small residual classifier whose penultimate layer replaces Inception's features.

References:
    Deep Residual Learning for Image Recognition (He, Zhang, Ren and Sun, 2016).
    94% on CIFAR-10 in 3.29 Seconds on a Single GPU (Jordan, 2024): pooling between two convolutions.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from regen.artifacts import load_state, read_tensors, write_tensors
from regen.artifacts.datasets import Images
from regen.errors import InputError
from regen.training.device import cast, plain
from regen.training.modes import evaluating

EVALUATION_BATCH = 500


class Encoded(NamedTuple):
    """Outputs of the classifier: non-negative `features` (N, D), and `logits` (N, classes)."""

    features: Tensor
    logits: Tensor


class Residual(nn.Module):
    """Two 3x3 convolutions and a 1x1 shortcut, all with batch norm; halves height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(inputs, outputs, kernel=3, stride=2),
            nn.ReLU(),
            *_convolution(outputs, outputs, kernel=3, stride=1),
        )
        self.shortcut = nn.Sequential(*_convolution(inputs, outputs, kernel=1, stride=2))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, ceil(H/2), ceil(W/2))."""
        return torch.relu(self.body(x) + self.shortcut(x))


class Pooled(nn.Module):
    """A 3x3 convolution, pooled to half of height and width, and a residual one; both with batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        convolution, batch_norm = _convolution(inputs, outputs, kernel=3, stride=1)
        self.shrink = nn.Sequential(convolution, nn.MaxPool2d(2, ceil_mode=True), batch_norm, nn.ReLU())
        self.body = nn.Sequential(*_convolution(outputs, outputs, kernel=3, stride=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, ceil(H/2), ceil(W/2))."""
        x = self.shrink(x)
        return x + self.body(x)


def _convolution(inputs: int, outputs: int, kernel: int, stride: int) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs)


class ClassifierNet(nn.Module):
    """Classifier of images of `shape` (C, H, W): convolution, residual blocks, spatial mean, linear layer.

    The blocks halve the maps by the stride of their first convolution, or after it, by maximum `pool`ing.
    With `mirror` it takes the mean over an image and its mirror image, except while it is trained.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        widths: list[int],
        pool: bool = False,
        mirror: bool = False,
    ) -> None:
        super().__init__()
        self.shape, self.classes, self.widths, self.pool, self.mirror = shape, classes, widths, pool, mirror
        block = Pooled if pool else Residual
        self.body = nn.Sequential(
            *_convolution(shape[0], widths[0], kernel=3, stride=1),
            nn.ReLU(),
            *(block(inputs, outputs) for inputs, outputs in pairwise(widths)),
        )
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, pixels: Tensor) -> Encoded:
        """Compute features (N, widths[-1]) and logits (N, classes) of `pixels` (N, C, H, W) uint8."""
        x = plain(cast(pixels)) / 127.5 - 1
        features = self.body(x).mean((2, 3))
        if self.mirror and not self.training:
            features = (features + self.body(x.flip(3)).mean((2, 3))) / 2
        return Encoded(features, self.head(features))


def save_classifier(path: Path, network: ClassifierNet, data: str) -> None:
    """Publish the weights, with the architecture as metadata."""
    about = {"data": data, "shape": network.shape, "classes": network.classes, "widths": network.widths}
    about |= {name: True for name in ("pool", "mirror") if getattr(network, name)}
    write_tensors(path, network.state_dict(), {"classifier": json.dumps(about)})


def load_classifier(path: Path) -> ClassifierNet:
    """Load a network saved by `save_classifier`, in evaluation mode.

    Does not change torch's global generator.

    Raises:
        InputError: the file is absent, damaged, or not a classifier.
    """
    tensors, about = read_tensors(path)
    try:
        made = json.loads(about["classifier"])
        del made["data"]
        with torch.random.fork_rng(devices=[]):
            network = ClassifierNet(**made | {"shape": tuple(made["shape"])})
        load_state(network, tensors, path)
    except (KeyError, ValueError, TypeError, RuntimeError, InputError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a classifier ({reason}); run the stage train_classifier") from None
    return network.eval()


@torch.no_grad()
def predict(network: ClassifierNet, pixels: Tensor) -> Tensor:
    """Predict the classes (N,) of `pixels` (N, C, H, W) uint8."""
    with evaluating(network):
        return torch.cat([network(batch).logits.argmax(1) for batch in pixels.split(EVALUATION_BATCH)])


def accuracy(network: ClassifierNet, images: Images) -> float:
    """Accuracy on `images`."""
    return int((predict(network, images.pixels) == labels_of(images)).sum()) / len(images.pixels)


def disagreement(network: ClassifierNet, images: Tensor, others: Tensor) -> float:
    """Share of `images` (N, C, H, W) uint8 whose predicted class differs from that of `others`."""
    return int((predict(network, images) != predict(network, others)).sum()) / len(images)


def labels_of(images: Images) -> Tensor:
    """Labels (N,) of images that passed `training.check_labels`."""
    if images.labels is None:
        raise ValueError("images without labels; check_labels says so to the user")
    return images.labels
