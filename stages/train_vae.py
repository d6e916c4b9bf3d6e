"""Train one VAE of params.yaml: python stages/train_vae.py l100."""

from pathlib import Path

import torch

import regen
from regen import artifacts, stage
from regen.data.images import read_dataset
from regen.params import read_params
from regen.training.checkpoint import Checkpoint, fingerprint
from regen.training.device import autocast, select_device
from regen.training.loop import Plan, fit
from regen.vae.networks import build_vae
from regen.vae.observations import observations
from regen.vae.training import VaeLearner, summary

SOURCES = [*Path(regen.__path__[0], "training").glob("*.py"), *Path(regen.__path__[0], "vae").glob("*.py")]


def train_vae(name: str) -> None:
    """Train the run NAME of params.yaml's section `vae`; killed and started again, it goes on."""
    params = read_params()
    run = params.vae_run(name)
    device = select_device(params.device)
    data_file = artifacts.dataset_file(run.data)
    splits = read_dataset(data_file).splits
    train, valid = (observations(splits[split], run.binarize).to(device) for split in ("train", "valid"))

    torch.manual_seed(params.seed)
    vae = build_vae(run, splits["train"].pixels.shape[1:]).to(device)
    learner = VaeLearner(vae, run, valid, autocast(params.precision, device))
    settings = {
        "run": run.model_dump(),
        "seed": params.seed,
        "device": str(device),
        "precision": params.precision,
    }
    checkpoint = Checkpoint.of(name, fingerprint(settings, [data_file, *SOURCES]))
    plan = Plan(
        name, run.epochs, run.batch_size, run.learning_rate, params.seed, params.training.checkpoint_every
    )
    history = fit(learner, train, plan, checkpoint)

    artifacts.write_tensors(artifacts.weights_file(name), vae.state_dict())
    artifacts.write_csv(artifacts.history_file(name), history)
    artifacts.write_metrics(artifacts.scores_file(name, "training"), summary(vae, history))
    checkpoint.remove()


if __name__ == "__main__":
    stage.run(train_vae)
