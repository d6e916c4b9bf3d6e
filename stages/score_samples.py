"""Score samples of one trained run, of each of its seeds: python stages/score_samples.py cifar10_w1_3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
import typer
from torch import Tensor

from regen import artifacts, stage
from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.fidelity.scores import load_beside, load_scorer
from regen.params import Params, read_params
from regen.params.mistakes import suggest
from regen.training.device import exact, place, set_up

if TYPE_CHECKING:
    from regen.vae.networks import VAE


Beside = Annotated[bool, typer.Option(help="Score by the run's extractors in score.beside instead.")]


def score_samples(name: str, beside: Beside = False) -> None:
    """Score samples of the run NAME against the data set that params.yaml's score.runs holds it to."""
    params = read_params()
    score = params.score
    if name not in score.runs:
        raise InputError(f"params.yaml: score.runs: no {name!r}; {suggest(name, list(score.runs))}")
    device = set_up(params.device, exact(params.precision))
    if beside:
        score_beside(params, name, device)
        return
    data = score.runs[name]
    scorer = load_scorer(score, data, device)
    scores = artifacts.over_seeds([scorer(images) for images in samples(params, name, device)])
    if name in params.vae and params.vae_run(name).data == data:  # else the classifier knows other images
        scores["misread"] = misread(params, name, device)
    artifacts.write_metrics(artifacts.scores_file(name, "fidelity"), scores)


def score_beside(params: Params, name: str, device: torch.device) -> None:
    """Score the same samples by each of the extractors that score.beside lists for the run NAME."""
    score = params.score
    if name not in score.beside:
        raise InputError(f"params.yaml: score.beside: no {name!r}; {suggest(name, list(score.beside))}")
    listed = score.beside[name]
    images = samples(params, name, device)
    found: dict[str, artifacts.Metrics] = {}
    for extractor in listed.extractors:
        scorer = load_beside(score, extractor, listed.data, device)
        found[extractor] = artifacts.over_seeds([scorer(each) for each in images])
    artifacts.write_metrics(artifacts.scores_file(name, "beside"), found)


def samples(params: Params, name: str, device: torch.device) -> list[Tensor]:
    """Images of each seed of the run NAME; of a VAE's first, whose figures are shown."""
    if name in params.vae:
        return [vae_samples(params, name, device)]
    make = gan_samples if name in params.gan else realnvp_samples
    return [make(params, name, seed, device) for seed in params.seeds_of(name)]


def gan_samples(params: Params, name: str, seed: int, device: torch.device) -> Tensor:
    """Images (N, C, H, W) uint8 of the GAN's averaged generator."""
    from regen.gan.networks import build_generator
    from regen.gan.sampling import sample

    run = params.gan_run(name)
    generator = build_generator(run, DATASETS[run.data].shape)
    artifacts.load_weights(generator, artifacts.weights_file(name, seed))
    return sample(place(generator.eval(), device), params.score.samples, run.latent, seed)


def vae_samples(params: Params, name: str, device: torch.device) -> Tensor:
    """Means of p(x|z) (N, C, H, W) uint8 of the VAE of its first seed, z from the prior."""
    from regen.vae.sampling import sample

    return sample(trained_vae(params, name, device), params.score.samples, params.seeds_of(name)[0])


def misread(params: Params, name: str, device: torch.device) -> float:
    """Share of test images of the VAE's data whose reconstruction is taken for another class.

    Judged by the classifier of that data, which sees both as the VAE does: binarized where that is.
    """
    from regen.artifacts.datasets import read_dataset
    from regen.fidelity.classifier import disagreement, load_classifier
    from regen.vae.observations import observations
    from regen.vae.sampling import reconstruct

    run, vae = params.vae_run(name), trained_vae(params, name, device)
    classifier = place(load_classifier(artifacts.classifier_file(run.data)), device)
    test = read_dataset(artifacts.dataset_file(run.data)).splits["test"]
    pixels = observations(test, run.binarize).to(device)
    return disagreement(classifier, pixels.unflatten(1, vae.shape), reconstruct(vae, pixels))


def trained_vae(params: Params, name: str, device: torch.device) -> VAE:
    """VAE of its first seed."""
    from regen.vae.networks import load_vae

    run, weights = params.vae_run(name), artifacts.weights_file(name, params.seeds_of(name)[0])
    return place(load_vae(run, DATASETS[run.data].shape, weights), device)


def realnvp_samples(params: Params, name: str, seed: int, device: torch.device) -> Tensor:
    """Images (N, C, H, W) uint8 of the flow at its temperature."""
    from regen.realnvp.networks import load_realnvp
    from regen.realnvp.sampling import sample

    run = params.realnvp_run(name)
    flow = load_realnvp(name, run, DATASETS[run.data].shape, artifacts.weights_file(name, seed))
    return sample(flow.to(device), params.score.samples, run.temperature, seed)


if __name__ == "__main__":
    stage.run(score_samples)
