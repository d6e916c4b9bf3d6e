"""Hold the scores of a GAN trained in lower precision against those in float32, over some seeds.

    python -m benchmarks.precision cifar10_w1_3 5

The run is that of params.yaml; data, classifier and reference are those of the last `dvc repro`. Only the
training is in lower precision: the scores are taken in float32, so that they differ by what was trained.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated

import torch
import typer

from regen import artifacts, stage
from regen.artifacts.datasets import read_dataset
from regen.chapters.scores import one_name
from regen.fidelity.scores import Scorer, load_scorer
from regen.gan.sampling import sample
from regen.gan.training import train
from regen.params import Params, read_params
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, set_precision, set_up
from regen.training.runs import Job

HEADING = """\
| precision | seeds | Frechet distance, mean ± sd | less that of float32, ± s.e. |
|---|---|---|---|"""


def precisions(device: torch.device) -> list[str]:
    """Return those that differ on `device`, float32 first."""
    return ["float32", *(["tf32"] if device.type == "cuda" else []), "bfloat16"]


def distance(params: Params, name: str, precision: str, seed: int, scorer: Scorer) -> float:
    """Train the run with `seed`; return the Frechet distance of its samples."""
    run, device = params.gan_run(name), set_up(params.device, precision)
    splits = read_dataset(artifacts.dataset_file(run.data)).splits
    data = splits["train"].pixels.to(device)
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / name)
        job = Job(name, seed, device, autocast(precision, device), checkpoint, checkpoint_every=run.length)
        trained = train(run, data, None, job, recorded=device.type == "cuda")
    set_precision("float32", device)  # scores are always exact
    scores = scorer(sample(trained.learner.evaluated(), params.score.samples, run.latent, seed), full=False)
    return float(one_name(scores)["distance"])


def row(precision: str, found: list[float], exact: list[float]) -> str:
    """Return a line of the table."""
    mean, deviation = fmean(found), stdev(found)
    error = math.sqrt((deviation**2 + stdev(exact) ** 2) / len(found))
    gap = "" if found is exact else f"{mean - fmean(exact):.2f} ± {error:.2f}"
    return f"| {precision} | {len(found)} | {mean:.2f} ± {deviation:.2f} | {gap} |"


def compare_precisions(name: str, seeds: Annotated[int, typer.Argument(min=2)]) -> None:
    """Print the scores of the GAN NAME in each precision, over SEEDS seeds."""
    params = read_params()
    device = set_up(params.device, "float32")
    scorer = load_scorer(params.score, params.gan_run(name).data, device)
    print(HEADING, flush=True)
    exact: list[float] = []
    for precision in precisions(device):
        found = [distance(params, name, precision, seed, scorer) for seed in range(1, seeds + 1)]
        exact = exact or found
        print(row(precision, found, exact), flush=True)


if __name__ == "__main__":
    stage.run(compare_precisions)
