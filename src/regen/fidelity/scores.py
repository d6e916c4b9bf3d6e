"""Scores of generated images: Inception Score, Frechet and kernel distance, precision and recall.

The formulas are those of torch-fidelity, except for the Frechet distance (`gaussians`), which agrees with it.

References:
    Improved Techniques for Training GANs (Salimans et al., 2016): Inception Score.
    GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium (Heusel et al., 2017):
    FID.
    Demystifying MMD GANs (Binkowski et al., 2018): KID.
    Improved Precision and Recall Metric for Assessing Generative Models (Kynkaanniemi et al., 2019).
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from regen.artifacts import classifier_file, dataset_file, metric, reference_file
from regen.artifacts.datasets import read_dataset
from regen.artifacts.paths import cache_dir
from regen.errors import InputError
from regen.fidelity.extractors import Extractor, load_extractor
from regen.fidelity.gaussians import fit_gaussian, float64, frechet_distance
from regen.fidelity.reference import SPLIT, Reference, measure, read_reference, shape_label, write_reference
from regen.fidelity.weights import digest, find_weights
from regen.params import Score
from regen.params.score import ExtractorName

MAKERS = "torch", "torchvision", "torch-fidelity"
"""Packages that the features of images depend on."""
NEIGHBOURS = 3
"""k of precision and recall: an image is covered if within the distance of another's k-th neighbour."""
DISTANCES_AT_ONCE = 1000
"""Rows of the distance matrix per block: 40 MB for 10,000 images, instead of 400 MB."""

Scores = dict[str, float | int | str]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scorer:
    """Scores images against the reference features of one data set."""

    extractor: Extractor
    reference: Reference
    settings: Score

    def __call__(self, images: Tensor, full: bool = True) -> Scores:
        """Score `images` (N, C, H, W) uint8; the result includes the settings used.

        Without `full`, kernel distance, precision and recall, the most expensive scores, are left out. Global
        random state is not used, so that the same images always have the same scores.

        Raises:
            InputError: the images are too few or differ in shape from the reference's, or a feature is not
                finite.
        """
        self._check(images, full)
        features, logits = self.extractor(images)
        scores = self._inception_score(logits) | self._distance(features)
        if full:
            scores |= self._kernel_distance(features) | self._precision_and_recall(features)
        return self._origin(features) | {
            name: metric(value) if isinstance(value, float) else value for name, value in scores.items()
        }

    def is_rank_deficient(self, samples: int) -> bool:
        """Whether so many images, or the reference's, are too few for a covariance of full rank."""
        count, dimension = self.reference.features.shape
        return min(samples, count) <= dimension

    def _check(self, images: Tensor, full: bool) -> None:
        if images.dim() == 4 and (shape := shape_label(images)) != self.reference.origin.shape:
            raise InputError(
                f"images of {shape}: those of {self.reference.origin.data} are {self.reference.origin.shape}"
            )
        least = max(self.settings.splits, 2)
        if full:
            least = max(least, self.settings.kid_subset_size, NEIGHBOURS + 1)
        if len(images) < least:
            raise InputError(
                f"{len(images)} images are too few to score: at least {least} are needed for "
                f"score.splits, score.kid_subset_size and {NEIGHBOURS} neighbours"
            )

    def _origin(self, features: Tensor) -> Scores:
        origin = self.reference.origin
        return {
            "extractor": self.extractor.name,
            "weights": self.extractor.origin,
            "features": features.shape[1],
            "reference": f"{origin.data}, {SPLIT}",
            "reference_images": len(self.reference.features),
            "samples": len(features),
            "splits": self.settings.splits,
            "rank_deficient": "yes" if self.is_rank_deficient(len(features)) else "no",
        }

    def _inception_score(self, logits: Tensor) -> Scores:
        found = isc_features_to_metric(float64(logits), self.settings.splits)
        return {
            "inception_score": found[KEY_METRIC_ISC_MEAN],
            "inception_score_std": found[KEY_METRIC_ISC_STD],
        }

    def _distance(self, features: Tensor) -> Scores:
        name = "fid" if self.extractor.is_inception else "frechet_distance"
        found = fit_gaussian(features)
        return {name: frechet_distance(found, self.reference.gaussian)}

    def _kernel_distance(self, features: Tensor) -> Scores:
        name = "kid" if self.extractor.is_inception else "kernel_distance"
        subsets = {"kid_subsets": self.settings.kid_subsets, "kid_subset_size": self.settings.kid_subset_size}
        found = kid_features_to_metric(features, self.reference.features, verbose=False, **subsets)
        return {name: found[KEY_METRIC_KID_MEAN], f"{name}_std": found[KEY_METRIC_KID_STD], **subsets}

    def _precision_and_recall(self, features: Tensor) -> Scores:
        found = prc_features_to_metric(
            features,
            self.reference.features,
            prc_neighborhood=NEIGHBOURS,
            prc_batch_size=DISTANCES_AT_ONCE,
            save_cpu_ram=True,
            verbose=False,
        )
        return {"precision": found[KEY_METRIC_PRECISION], "recall": found[KEY_METRIC_RECALL]}


def extractor_of(
    score: Score, data: str, device: torch.device, name: ExtractorName | None = None
) -> Extractor:
    """Load the extractor `name`, else the one that `score` names; the classifier is that of `data`.

    Raises:
        InputError: its weights are absent, or belong to another network.
    """
    name = name or score.extractor
    weights = classifier_file(data) if name == "classifier" else find_weights(name, score.weights.get(name))
    return load_extractor(name, weights, device, score.batch_size)


def load_scorer(score: Score, data: str, device: torch.device) -> Scorer:
    """Load the scorer for the test images of `data`; warns if covariances are rank-deficient.

    Raises:
        InputError: weights or reference are absent, do not match, or have too few images.
    """
    return _checked(extractor_of(score, data, device), reference_file(data), data, score, device)


def load_beside(score: Score, name: ExtractorName, data: str, device: torch.device) -> Scorer:
    """Load the scorer of another extractor, `name`, for the test images of `data`.

    Their features are measured once and kept in the cache folder, under a name of all that they depend on.

    Raises:
        InputError: the weights are absent, or there are too few images.
    """
    extractor = extractor_of(score, data, device, name)
    depends = digest(dataset_file(data)), extractor.weights, torch.get_default_dtype(), device.type
    code = *map(digest, sorted(Path(__file__).parent.glob("*.py"))), *map(version, MAKERS)
    key = hashlib.sha256(repr((depends, code)).encode()).hexdigest()[:16]
    path = cache_dir() / "references" / f"{data}-{name}-{key}.safetensors"
    try:
        read_reference(path, device)
    except InputError:  # not there, or damaged
        test = read_dataset(dataset_file(data)).splits[SPLIT]
        write_reference(path, measure(extractor, test, data))
    return _checked(extractor, path, data, score, device)


def _checked(extractor: Extractor, path: Path, data: str, score: Score, device: torch.device) -> Scorer:
    """Scorer against the reference in `path`; warns if covariances are rank-deficient."""
    scorer = Scorer(extractor, read_reference(path, device), score)
    _check_reference(scorer, data, path)
    if scorer.is_rank_deficient(score.samples):
        count, dimension = scorer.reference.features.shape
        log.warning(
            "%s: %d samples and %d reference images for %d features: the covariance lacks full rank, and the "
            "Frechet distance is biased; raise score.samples, or use a data set with more test images",
            data,
            score.samples,
            count,
            dimension,
        )
    return scorer


def _check_reference(scorer: Scorer, data: str, path: Path) -> None:
    origin, extractor = scorer.reference.origin, scorer.extractor
    found = (origin.data, origin.extractor, origin.weights)
    if found != (expected := (data, extractor.name, extractor.weights)):
        raise InputError(
            f"{path}: measured with {found}, not {expected}; run the stage measure_reference, which does not "
            f"see a changed file of weights by itself: dvc repro --force measure_reference@{data}"
        )
    count, least = len(scorer.reference.features), max(scorer.settings.kid_subset_size, NEIGHBOURS + 1)
    if count < least:
        raise InputError(
            f"params.yaml: score.kid_subset_size: {data} has {count} test images; at least {least} are needed"
        )
