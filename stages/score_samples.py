"""Score the images that one trained run makes: python stages/score_samples.py cifar10_w1_3."""

import torch
from torch import Tensor

from regen import artifacts, stage
from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.fidelity.scores import load_scorer
from regen.mistakes import suggest
from regen.params import Params, read_params
from regen.training.device import autocast, select_device


def score_samples(name: str) -> None:
    """Score samples of the run NAME against the data set that params.yaml's score.runs holds it to."""
    params = read_params()
    score = params.score
    if name not in score.runs:
        raise InputError(f"params.yaml: score.runs: no {name!r}; {suggest(name, list(score.runs))}")
    device = select_device(params.device)
    autocast(params.precision, device)  # for what it sets: tf32 or not
    scorer = load_scorer(score, score.runs[name], device)
    make = gan_samples if name in params.gan else vae_samples if name in params.vae else realnvp_samples
    artifacts.write_metrics(artifacts.scores_file(name, "fidelity"), scorer(make(params, name, device)))


def gan_samples(params: Params, name: str, device: torch.device) -> Tensor:
    """Return images (N, C, H, W) uint8 of the GAN's averaged generator."""
    from regen.gan.networks import build_generator
    from regen.gan.sampling import sample

    run = params.gan_run(name)
    generator = build_generator(run, DATASETS[run.data].shape)
    artifacts.load_weights(generator, artifacts.weights_file(name, params.seed))
    return sample(generator.eval().to(device), params.score.samples, run.latent, params.seed)


def vae_samples(params: Params, name: str, device: torch.device) -> Tensor:
    """Return means of p(x|z) (N, C, H, W) uint8 of the VAE of its first seed, z from the prior."""
    from regen.vae.networks import load_vae
    from regen.vae.sampling import sample

    run, seed = params.vae_run(name), params.vae_seeds(name)[0]
    vae = load_vae(run, DATASETS[run.data].shape, artifacts.weights_file(name, seed))
    return sample(vae.to(device), params.score.samples, seed)


def realnvp_samples(params: Params, name: str, device: torch.device) -> Tensor:
    """Return images (N, C, H, W) uint8 of the flow at its temperature."""
    from regen.flow.realnvp import load_realnvp
    from regen.flow.sampling import sample

    run = params.realnvp_run(name)
    flow = load_realnvp(name, run, DATASETS[run.data].shape, artifacts.weights_file(name, params.seed))
    return sample(flow.to(device), params.score.samples, run.temperature, params.seed)


if __name__ == "__main__":
    stage.run(score_samples)
