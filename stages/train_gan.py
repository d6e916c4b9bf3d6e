"""Train one GAN of params.yaml: python stages/train_gan.py cifar10_jsd_1."""

from functools import partial

import torch

from regen import artifacts, stage
from regen.artifacts.datasets import read_dataset
from regen.gan.learner import GanLearner
from regen.gan.networks import build_critic, build_generator
from regen.gan.schedule import Schedule
from regen.gan.training import Scoring, evaluations, history, summary, train
from regen.params import read_params
from regen.training.checkpoint import Checkpoint, fingerprint, sources
from regen.training.device import autocast, place, set_up
from regen.training.environment import timing
from regen.training.graphs import Recorded


def train_gan(name: str) -> None:
    """Train the run NAME of params.yaml's section `gan`; killed and started again, it goes on."""
    params = read_params()
    run = params.gan_run(name)
    device = set_up(params.device, params.precision)
    data_file = artifacts.dataset_file(run.data)
    splits = read_dataset(data_file).splits
    data = splits["train"].pixels.to(device)
    valid = splits["valid"].pixels.to(device) if "valid" in splits else None
    shape = tuple(data.shape[1:])

    settings = [run.model_dump(), params.seed, str(device), params.precision]
    files = [data_file, *sources("train_gan")]
    scoring = None
    if run.evaluate_every:
        from regen.fidelity.scores import load_scorer  # takes seconds to import

        scorer = partial(load_scorer(params.score, run.data, device), full=False)
        scoring = Scoring(scorer, params.score.samples)
        settings.append(params.score.model_dump(include={"extractor", "samples", "splits", "weights"}))
        files.append(artifacts.reference_file(run.data))

    torch.manual_seed(params.seed)
    generator, critic = (place(build(run, shape), device) for build in (build_generator, build_critic))
    learner = GanLearner(run, generator, critic, autocast(params.precision, device))
    schedule = Schedule.of(name, run, len(data), params.seed, params.training.checkpoint_every)
    checkpoint = Checkpoint.of(name, fingerprint(settings, files))
    step = Recorded(learner.step) if device.type == "cuda" and params.training.cuda_graphs else learner.step
    trained = train(learner, step, data, valid, schedule, checkpoint, scoring)

    final = learner.evaluated()
    artifacts.write_tensors(artifacts.weights_file(name, params.seed), final.state_dict())
    artifacts.write_snapshots(artifacts.snapshots_file(name), trained.snapshots)
    artifacts.write_csv(artifacts.gan_history_file(name), history(learner, trained, schedule))
    artifacts.write_csv(artifacts.evaluations_file(name), evaluations(trained))
    artifacts.write_metrics(artifacts.scores_file(name, "training"), summary(learner, trained, schedule))
    images = trained.step * run.batch_size * run.critic_steps
    artifacts.write_metrics(
        artifacts.timing_file(name), timing(trained.seconds, trained.step, images, device)
    )
    checkpoint.remove()


if __name__ == "__main__":
    stage.run(train_gan)
