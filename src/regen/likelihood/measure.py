"""All that is measured on one run's trained VAEs, seed by seed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from regen.artifacts import Metrics, metric
from regen.likelihood import importance, scores
from regen.likelihood.interpolation import can_walk, largest_step
from regen.params import Likelihood
from regen.vae.networks import VAE


@dataclass(frozen=True)
class Measured:
    """Results over the seeds of a run."""

    tensors: dict[str, Tensor]
    """Of each seed and image, (S, N) each."""
    table: pd.DataFrame
    """Means over the images, a row for each seed."""
    metrics: Metrics
    """Means over seeds and images."""


def measure(
    vaes: Iterable[tuple[int, VAE]], pixels: Tensor, labels: Tensor | None, binary: bool, settings: Likelihood
) -> Measured:
    """Score `vaes`, each with its seed, on `pixels` (N, D) uint8.

    The bound, reconstructions and codes always; a walk between two classes where there are `labels` (N,);
    log p(x) where the pixels are `binary`, since a Bernoulli likelihood is no density of intensities.
    """
    scored, estimates, steps = {}, {}, []
    for seed, vae in vaes:
        scored[seed] = scores.score(vae, pixels, seed)
        if can_walk(labels):
            steps.append(largest_step(vae, pixels, labels))
        if binary:
            estimates[seed] = importance.estimate(
                vae, pixels, settings.importance_samples, settings.max_memory, seed
            )
    tensors = scores.tensors(scored)
    table, metrics = scores.by_seed(scored), scores.summary(scored)
    if steps:
        table["largest_step"] = steps
        metrics["largest_step"] = metric(float(table["largest_step"].mean(skipna=False)))
    if estimates:
        tensors |= importance.tensors(estimates)
        table = table.merge(importance.by_seed(estimates), on="seed")
        metrics |= importance.summary(estimates, settings.importance_samples)
        metrics |= scores.gap(scored, estimates)
    return Measured(tensors, table, metrics)
