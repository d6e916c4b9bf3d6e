"""Train one VAE of params.yaml, once with each of its seeds: python stages/train_vae.py l100."""

import pandas as pd

from regen import artifacts, stage
from regen.params import read_params
from regen.stage import OneSeed
from regen.training.runs import Session
from regen.vae.observations import held_out, observations
from regen.vae.training import summary, train


def train_vae(name: str, seed: OneSeed = None) -> None:
    """Train the run NAME of params.yaml's section `vae`; killed and started again, it goes on."""
    params = read_params()
    run = params.vae_run(name)
    session = Session.start("train_vae", name, params)
    splits = artifacts.read_dataset(artifacts.dataset_file(run.data)).splits
    shape = tuple(splits["train"].pixels.shape[1:])
    images, valid = (
        observations(split, run.binarize).to(session.device) for split in (splits["train"], held_out(splits))
    )
    trained = session.train(lambda job: train(run, shape, images, valid, job), params.seeds_of(name), seed)
    if seed is None:
        history = pd.concat([each.history.assign(seed=seed) for seed, each in trained.items()])
        history = history.drop(columns="step")
        artifacts.write_csv(artifacts.history_file(name), history)
        session.publish(trained, summary(next(iter(trained.values())).learner.vae, history))


if __name__ == "__main__":
    stage.run(train_vae)
