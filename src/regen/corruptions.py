"""Corruptions of real images, of rising strength: a distance to other real images should rise with each.

All random draws are made on the CPU, in float64, from a seed of their own, and are the same at each strength:
the same noise, only larger; the same partners, only with more weight; ever more of the same classes left out.

References:
    GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium (Heusel et al., 2017),
    whose figure 3 holds the FID against blur, noise and images of other data.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from regen.artifacts.datasets import Images
from regen.errors import InputError
from regen.fidelity.classifier import labels_of
from regen.fidelity.scores import Scores
from regen.params import Corruptions

KINDS = ("blur", "noise", "mixing", "missing")
"""Names of the corruptions, as in params.yaml."""
REACH = 3
"""Standard deviations at which the blur's kernel ends."""
AT_ONCE = 1000
"""Images that are corrupted at a time: 25 MB in float64 for CIFAR10's."""
EXAMPLES = 4
"""Images that are shown of each corruption and strength."""


@dataclass(frozen=True)
class Pool:
    """Labelled `images` in random order, of which the first `count` are corrupted.

    The others take the place of those whose class is left out.
    """

    images: Images
    count: int
    seed: int

    @classmethod
    def of(cls, images: Images, count: int, seed: int) -> Pool:
        """Shuffle labelled `images`; `count` of them are corrupted, or all where there are fewer."""
        order = torch.randperm(len(images.pixels), generator=_generator(seed, "order"))
        shuffled = Images(images.pixels[order], labels_of(images)[order])
        return cls(shuffled, min(count, len(order)), seed)

    @property
    def chosen(self) -> Images:
        """The images that are corrupted."""
        return Images(self.images.pixels[: self.count], self.labels[: self.count])

    @property
    def labels(self) -> Tensor:
        """Labels (N,) of all images."""
        return labels_of(self.images)

    @cached_property
    def classes(self) -> Tensor:
        """All classes, in the order in which they are left out."""
        classes = self.labels.unique()
        return classes[torch.randperm(len(classes), generator=_generator(self.seed, "missing"))]

    @cached_property
    def examples(self) -> Tensor:
        """Rows (at most EXAMPLES,) of chosen images: of as many classes, in the order of `classes`."""
        labels = self.chosen.labels
        present = [kind for kind in self.classes if (labels == kind).any()]
        places = torch.linspace(0, len(present) - 1, min(EXAMPLES, len(present)), dtype=torch.float64).round()
        return torch.stack([(labels == present[int(place)]).nonzero()[0, 0] for place in places])

    def corrupted(self, kind: str, strength: float) -> Tensor:
        """The chosen images (count, C, H, W) uint8, corrupted; as they are where `strength` is 0."""
        chosen, generator = self.chosen, _generator(self.seed, kind)
        if kind == "blur":
            return blurred(chosen.pixels, strength)
        if kind == "noise":
            return noisy(chosen.pixels, strength, generator)
        if kind == "mixing":
            return mixed(chosen, strength, generator)
        return self.images.pixels[without(self.labels, self.count, self.classes[: int(strength)])]


def blurred(pixels: Tensor, deviation: float) -> Tensor:
    """Blur `pixels` (N, C, H, W) uint8 by a Gaussian with that standard deviation, in pixels."""
    radius = math.ceil(REACH * deviation)
    if not radius:
        return pixels
    size, sigma = 2 * radius + 1, [float(deviation)] * 2

    def blur(x: Tensor) -> Tensor:
        return gaussian_blur(gaussian_blur(x, [size, 1], sigma), [1, size], sigma)  # rows, then columns

    return _by_parts(blur, pixels)


def noisy(pixels: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add normal noise with that standard deviation, in grey levels, to `pixels` (N, C, H, W) uint8.

    What leaves 0 to 255 is clipped.
    """
    return _by_parts(lambda x: x + deviation * _normal(x.shape, generator), pixels)


def _normal(shape: torch.Size, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def mixed(images: Images, weight: float, generator: torch.Generator) -> Tensor:
    """Blend each image with one of another class that has that `weight`: (1 - weight) x + weight y."""
    other = partners(labels_of(images), generator)
    pairs = torch.stack([images.pixels, images.pixels[other]], 1)
    return _by_parts(lambda x: (1 - weight) * x[:, 0] + weight * x[:, 1], pairs)


def partners(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Draw for each of `labels` (N,) the row (N,) of one of another class.

    All rows of other classes are equally likely.

    Raises:
        InputError: there is only one class.
    """
    if len(labels.unique()) < 2:
        raise InputError(
            "params.yaml: corruptions.images: the images chosen are all of one class; allowed: more"
        )
    order, sizes = labels.argsort(stable=True), labels.bincount()
    start, size = (sizes.cumsum(0) - sizes)[labels], sizes[labels]  # of each label's block in `order`
    u = torch.rand(len(labels), generator=generator, dtype=torch.float64)
    place = (u * (len(labels) - size)).long()  # among the rows outside the block
    return order[torch.where(place < start, place, place + size)]


def without(labels: Tensor, count: int, absent: Tensor) -> Tensor:
    """Rows (count,) of the first `count` images, but for those whose `labels` (N,) are `absent`.

    In their place come images after these, and where they do not suffice, those that stay once more.
    """
    allowed = ~torch.isin(labels, absent)
    rows, gone = torch.arange(count), ~allowed[:count]
    spare = torch.cat([allowed[count:].nonzero()[:, 0] + count, allowed[:count].nonzero()[:, 0]])
    rows[gone] = spare[torch.arange(int(gone.sum())) % len(spare)]
    return rows


def _by_parts(corrupt: Callable[[Tensor], Tensor], pixels: Tensor) -> Tensor:
    """Map `pixels` (N, ...) uint8 by `corrupt` in float64, and round to uint8."""
    parts = [corrupt(part.double()).round().clamp(0, 255).to(torch.uint8) for part in pixels.split(AT_ONCE)]
    return torch.cat(parts)


def _generator(seed: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(zlib.crc32(f"{seed} {purpose}".encode()))


def measure(
    pool: Pool, strengths: Corruptions, score: Callable[[Tensor], Scores]
) -> tuple[pd.DataFrame, dict[str, Tensor]]:
    """Score the images of `pool`, corrupted in each way, from strength 0 up.

    Returns a row of scores per corruption and strength, and by corruption the `examples` of the pool
    (strengths, N, C, H, W) uint8.
    """
    undisturbed = score(pool.chosen.pixels)
    rows, examples = [], {}
    for kind in KINDS:
        shown = [pool.chosen.pixels[pool.examples]]
        rows.append({"corruption": kind, "strength": 0.0, **undisturbed})
        for strength in getattr(strengths, kind):
            images = pool.corrupted(kind, strength)
            rows.append({"corruption": kind, "strength": float(strength), **score(images)})
            shown.append(images[pool.examples])
        examples[kind] = torch.stack(shown)
    return pd.DataFrame(rows), examples
