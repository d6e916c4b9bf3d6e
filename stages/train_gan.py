"""Train one GAN of params.yaml, once with each of its seeds: python stages/train_gan.py cifar10_jsd_1."""

from functools import partial

from regen import artifacts, stage
from regen.gan.training import evaluations, summary, train
from regen.params import read_params
from regen.stage import OneSeed
from regen.training.runs import Session, by_seed


def train_gan(name: str, seed: OneSeed = None) -> None:
    """Train the run NAME of params.yaml's section `gan`; killed and started again, it goes on."""
    params = read_params()
    run = params.gan_run(name)
    session = Session.start("train_gan", name, params, convolutional=run.networks != "mlp")
    splits = artifacts.read_dataset(artifacts.dataset_file(run.data)).splits
    images = splits["train"].pixels.to(session.device)
    valid = splits["valid"].pixels.to(session.device) if "valid" in splits else None
    scorer = None
    if run.evaluate_every:
        from regen.fidelity.scores import load_scorer  # takes seconds to import

        scorer = partial(load_scorer(params.score, run.data, session.device), full=False)
    recorded = session.device.type == "cuda" and params.training.cuda_graphs
    fit = partial(train, run, images, valid, scorer=scorer, samples=params.score.samples, recorded=recorded)
    trained = session.train(fit, params.seeds_of(name), seed)
    if seed is None:
        curves = by_seed({seed: each.history for seed, each in trained.items()})
        scores = by_seed({seed: evaluations(each) for seed, each in trained.items()})
        artifacts.write_csv(artifacts.gan_history_file(name), curves)
        artifacts.write_csv(artifacts.evaluations_file(name), scores)
        session.publish(trained, artifacts.over_seeds([summary(each) for each in trained.values()]))


if __name__ == "__main__":
    stage.run(train_gan)
