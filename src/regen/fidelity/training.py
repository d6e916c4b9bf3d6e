"""Training of the classifier: the learner, the run, and the metrics of the trained network."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from regen.artifacts.datasets import Images
from regen.errors import InputError
from regen.fidelity.classifier import ClassifierNet, accuracy, labels_of
from regen.params import Classifier
from regen.training.device import cast, place, plain
from regen.training.loop import Stateful
from regen.training.runs import Job, Trained, last_metrics
from regen.training.schedule import Passes

MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4
CROP = 4
"""Largest offset of a random crop in pixels; the image is padded by reflection."""


def check_labels(images: Images, what: str) -> int:
    """Count the classes.

    Raises:
        InputError: there are no labels, or only one class; the message starts with `what`.
    """
    if images.labels is None:
        raise InputError(f"{what}: has no labels, which a classifier needs; name a labelled data set")
    if len(images.labels.unique()) < 2:
        raise InputError(f"{what}: holds a single class; scores need at least 2")
    return int(images.labels.max()) + 1


def on_device(images: Images, device: torch.device) -> Images:
    """Move pixels and labels to `device`."""
    return Images(images.pixels.to(device), None if images.labels is None else images.labels.to(device))


class ClassifierLearner:
    """SGD with Nesterov momentum on cross entropy, one-cycle schedule, validation accuracy after each epoch.

    Batches are indices into `train` rather than images, so that each image keeps its label.
    """

    terms: tuple[str, ...] = ("loss", "accuracy")

    def __init__(
        self,
        network: ClassifierNet,
        settings: Classifier,
        train: Images,
        valid: Images | None,
        autocast: torch.autocast,
    ) -> None:
        self.network, self.train, self.valid, self.autocast = network, train, valid, autocast
        self.augment, self.label_smoothing = settings.augment, settings.label_smoothing
        rate = settings.learning_rate
        self.rates = {"learning_rate": rate}
        self.optimizer = torch.optim.SGD(
            network.parameters(), rate, MOMENTUM, nesterov=True, weight_decay=WEIGHT_DECAY
        )
        steps = settings.epochs * -(-len(train.pixels) // settings.batch_size)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=steps + 1, cycle_momentum=False
        )

    @property
    def rows(self) -> Tensor:
        """Data for the loop: the index (N,) of each training image."""
        return torch.arange(len(self.train.pixels), device=self.train.pixels.device)

    def stateful(self) -> dict[str, Stateful]:
        """The network, the optimiser and the position in the cycle of the step size."""
        return {"network": self.network, "optimizer": self.optimizer, "schedule": self.schedule}

    def step(self, batch: Tensor) -> Tensor:
        """Take one step on the images of the indices `batch` (N,); return cross entropy and accuracy (2,)."""
        pixels, labels = self.train.pixels[batch], labels_of(self.train)[batch]
        if self.augment:
            pixels = augmented(pixels)
        self.optimizer.zero_grad()
        with self.autocast:
            logits = self.network(pixels).logits
        loss = F.cross_entropy(cast(logits), labels, label_smoothing=self.label_smoothing)
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return torch.stack([loss.detach(), cast(logits.argmax(1) == labels).mean()])

    def validate(self) -> dict[str, float]:
        """Accuracy on the validation images; nothing where there are none."""
        return {} if self.valid is None else {"accuracy": accuracy(self.network, self.valid)}

    def evaluated(self) -> ClassifierNet:
        """The network itself."""
        return self.network

    def snapshot(self, model: ClassifierNet) -> Tensor:  # noqa: ARG002 (as every learner's)
        """No images (0, C, H, W): a classifier makes none."""
        return self.train.pixels[:0]


def train(
    settings: Classifier, splits: Mapping[str, Images], classes: int, job: Job
) -> Trained[ClassifierLearner]:
    """Train a classifier of `classes` on the images of `splits`, from weights by torch's stream as it is."""
    images = on_device(splits["train"], job.device)
    valid = on_device(splits["valid"], job.device) if "valid" in splits else None
    shape = tuple(images.pixels.shape[1:])
    network = place(
        ClassifierNet(shape, classes, settings.widths, settings.pool, settings.mirror), job.device
    )
    learner = ClassifierLearner(network, settings, images, valid, job.autocast)
    passes = Passes(learner.rows, settings.batch_size)
    return job.fit(learner, passes, job.by_epochs(settings.epochs, passes))


def augmented(pixels: Tensor) -> Tensor:
    """Shift each image of `pixels` (N, C, H, W) by up to CROP pixels and flip it with probability 1/2."""
    count, _, height, width = pixels.shape
    device = pixels.device
    padded = F.pad(cast(pixels), [CROP] * 4, mode="reflect").to(pixels.dtype)
    top, left = torch.randint(2 * CROP + 1, (2, count, 1), device=device)
    rows, columns = top + torch.arange(height, device=device), left + torch.arange(width, device=device)
    mirrored = torch.rand(count, 1, device=device) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    images = torch.arange(count, device=device)[:, None, None]
    return plain(padded[images, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2))


def summary(
    network: ClassifierNet, data: str, test: Images, history: pd.DataFrame
) -> dict[str, float | int | str]:
    """Metrics of the trained classifier of `data`; `test` is what its accuracy is measured on."""
    return {
        "data": data,
        "epochs": len(history),
        "parameters": sum(p.numel() for p in network.parameters()),
        "features": network.widths[-1],
        **last_metrics(history),
        "test_images": len(test.pixels),
        "test_accuracy": accuracy(network, test),
    }
