"""Train one VAE of params.yaml, once with each of its seeds: python stages/train_vae.py l100."""

import pandas as pd
import torch

from regen import artifacts, stage
from regen.artifacts.datasets import read_dataset
from regen.params import read_params
from regen.training.checkpoint import Checkpoint, fingerprint, sources
from regen.training.device import autocast, place, set_up
from regen.training.environment import timing
from regen.training.loop import Plan, fit
from regen.vae.networks import build_vae
from regen.vae.observations import held_out, observations
from regen.vae.training import VaeLearner, summary


def train_vae(name: str) -> None:
    """Train the run NAME of params.yaml's section `vae`; killed and started again, it goes on."""
    params = read_params()
    run = params.vae_run(name)
    device = set_up(params.device, params.precision)
    data_file = artifacts.dataset_file(run.data)
    splits = read_dataset(data_file).splits
    shown = splits["train"], held_out(splits)
    train, valid = (observations(images, run.binarize).to(device) for images in shown)

    settings = run.model_dump(exclude={"seeds"})
    key = fingerprint([settings, str(device), params.precision], [data_file, *sources("train_vae")])
    vaes, fits, checkpoints = {}, {}, []
    for seed in params.seeds_of(name):
        torch.manual_seed(seed)
        vae = place(build_vae(run, tuple(splits["train"].pixels.shape[1:])), device)
        learner = VaeLearner(vae, run, valid, autocast(params.precision, device))
        checkpoint = Checkpoint.of(f"{name}-seed-{seed}", key)
        plan = Plan(
            f"{name}, seed {seed}",
            run.epochs,
            run.batch_size,
            run.learning_rate,
            seed,
            params.training.checkpoint_every,
            tuple(run.shown_epochs),
        )
        vaes[seed], fits[seed] = vae, fit(learner, train, plan, checkpoint)
        checkpoints.append(checkpoint)

    for seed, vae in vaes.items():
        artifacts.write_tensors(artifacts.weights_file(name, seed), vae.state_dict())
    history = pd.concat([fitted.table.assign(seed=seed) for seed, fitted in fits.items()])
    first = next(iter(fits.values()))
    artifacts.write_snapshots(artifacts.snapshots_file(name), first.snapshots)
    artifacts.write_csv(artifacts.history_file(name), history)
    artifacts.write_metrics(artifacts.scores_file(name, "training"), summary(vae, history))
    images = sum(len(fitted.history) for fitted in fits.values()) * len(train)
    seconds = sum(fitted.seconds for fitted in fits.values())
    artifacts.write_metrics(
        artifacts.timing_file(name), timing(seconds, images // run.batch_size, images, device)
    )
    for checkpoint in checkpoints:  # only now, so that a run killed at its last seed keeps the others
        checkpoint.remove()


if __name__ == "__main__":
    stage.run(train_vae)
