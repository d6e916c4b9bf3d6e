"""Time and weigh the scoring of images with the classifier, ours and torch-fidelity's `calculate_metrics`.

python -m benchmarks.fidelity
"""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics

from benchmarks import memory
from benchmarks.timing import HEADING, Timing, compare
from regen.artifacts.datasets import Images
from regen.fidelity.classifier import ClassifierNet, save_classifier
from regen.fidelity.extractors import load_extractor
from regen.fidelity.reference import measure as measure_reference
from regen.fidelity.scores import Scorer, Scores
from regen.params import Score
from regen.training.device import select_device

SHAPE, WIDTHS = (3, 32, 32), [32, 64, 128, 128]
REPEATS = {1000: 3, 10_000: 1}
"""How often the scoring of so many images is timed."""
SAME = {
    "inception_score": "inception_score_mean",
    "frechet_distance": "frechet_inception_distance",
    "kernel_distance": "kernel_inception_distance_mean",
    "precision": "precision",
    "recall": "recall",
}
"""Our names of the scores, and torch-fidelity's."""
ROOT = Path(__file__).parent.parent


class Bare(Dataset[Tensor]):
    """Images as torch-fidelity takes them."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def settings(count: int) -> Score:
    return Score(
        extractor="classifier",
        weights={},
        samples=count,
        splits=10,
        batch_size=250,
        kid_subsets=100,
        kid_subset_size=count // 10,
        runs={},
        beside={},
    )


def images_of(count: int, seed: int) -> Tensor:
    """Return noise, in each image and channel of another strength: (count, 3, 32, 32) uint8."""
    generator = torch.Generator().manual_seed(seed)
    strength = torch.rand(count, SHAPE[0], 1, 1, generator=generator) * 255
    return (torch.rand(count, *SHAPE, generator=generator) * strength).to(torch.uint8)


def save_weights(folder: str) -> Path:
    """Save a classifier that nothing was taught: it costs what any other does."""
    torch.manual_seed(1)
    path = Path(folder) / "classifier.safetensors"
    save_classifier(path, ClassifierNet(SHAPE, 10, WIDTHS), "cifar10")
    return path


def scorer_of(weights: Path, count: int, device: torch.device | None = None) -> Scorer:
    """Return a scorer whose reference is measured already, as in the pipeline."""
    score, device = settings(count), device or select_device("auto", "auto")
    extractor = load_extractor("classifier", weights, device, score.batch_size)
    reference = measure_reference(extractor, Images(images_of(count, seed=1), None), "cifar10")
    return Scorer(extractor, reference, score)


def score_plainly(weights: Path, count: int) -> dict[str, float]:
    """Score with torch-fidelity's one call, which sees the reference images each time."""
    score = settings(count)
    found: dict[str, float] = calculate_metrics(
        input1=Bare(images_of(count, seed=2)),
        input2=Bare(images_of(count, seed=1)),
        feature_extractor="classifier",
        feature_extractor_weights_path=weights,
        batch_size=score.batch_size,
        isc=True,
        fid=True,
        kid=True,
        prc=True,
        isc_splits=score.splits,
        kid_subsets=score.kid_subsets,
        kid_subset_size=score.kid_subset_size,
        cuda=select_device("auto", "auto").type == "cuda",
        verbose=False,
        cache=False,
        save_cpu_ram=True,  # no worker processes, distances in parts: the way that weighs the least
    )
    return found


def check(ours: Scores, theirs: dict[str, float]) -> None:
    """Stop where a number is not torch-fidelity's to 1e-3."""
    for name, their_name in SAME.items():
        if not math.isclose(float(ours[name]), theirs[their_name], rel_tol=1e-3, abs_tol=1e-6):
            sys.exit(f"{name}: {ours[name]}, not torch-fidelity's {theirs[their_name]}")


def time_scoring(count: int) -> Timing:
    """Time the scoring of `count` images; the numbers have to agree."""
    images = images_of(count, seed=2)
    with tempfile.TemporaryDirectory() as folder:
        weights = save_weights(folder)
        scorer = scorer_of(weights, count)
        check(scorer(images), score_plainly(weights, count))
        peaks = " and ".join(f"{peak_memory(way, count):.2g} GB" for way in ("plain", "ours"))
        return compare(
            f"all scores of {count:,} images, classifier (peak memory: {peaks})",
            lambda: scorer(images),
            lambda: score_plainly(weights, count),
            target="below 2 GB",
            repeats=REPEATS[count],
        )


def peak_memory(way: str, count: int) -> float:
    """Return the GB that a process of its own has held at most, torch included."""
    command = [sys.executable, "-m", "benchmarks.fidelity", way, str(count)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return float(printed)


def weigh(way: str, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        weights = save_weights(folder)
        if way == "ours":
            scorer_of(weights, count)(images_of(count, seed=2))
        else:
            score_plainly(weights, count)
    print(memory.peak())


def measure() -> list[Timing]:
    """Return all timings."""
    return [time_scoring(count) for count in REPEATS]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        weigh(sys.argv[1], int(sys.argv[2]))
    else:
        print(HEADING)
        for timing in measure():
            print(timing.row(), flush=True)
