"""Train the classifier of one labelled data set: python stages/train_classifier.py mnist."""

import torch

from regen import artifacts, stage
from regen.artifacts.datasets import read_dataset
from regen.errors import InputError
from regen.fidelity.classifier import build_classifier, save_classifier
from regen.fidelity.training import ClassifierLearner, check_labels, on_device, summary
from regen.params import read_params
from regen.params.mistakes import suggest
from regen.training.checkpoint import Checkpoint, fingerprint, sources
from regen.training.device import autocast, place, set_up
from regen.training.environment import timing
from regen.training.loop import Plan, fit


def train_classifier(data: str) -> None:
    """Train the classifier of DATA in params.yaml's section `classifier`; killed, it goes on."""
    params = read_params()
    if data not in params.classifier:
        raise InputError(f"params.yaml: classifier: no {data!r}; {suggest(data, list(params.classifier))}")
    settings = params.classifier[data]
    device = set_up(params.device, params.precision)
    data_file = artifacts.dataset_file(data)
    dataset = read_dataset(data_file)
    classes = check_labels(dataset.splits["train"], f"{data}: train")
    splits = {name: on_device(images, device) for name, images in dataset.splits.items()}

    torch.manual_seed(params.seed)
    shape = tuple(splits["train"].pixels.shape[1:])
    network = place(build_classifier(shape, classes, settings.widths), device)
    learner = ClassifierLearner(
        network, settings, splits["train"], splits.get("valid"), autocast(params.precision, device)
    )
    plan = Plan(
        f"classifier of {data}",
        settings.epochs,
        settings.batch_size,
        settings.learning_rate,
        params.seed,
        params.training.checkpoint_every,
        (),
    )
    key = fingerprint(
        [settings.model_dump(), params.seed, str(device), params.precision],
        [data_file, *sources("train_classifier")],
    )
    checkpoint = Checkpoint.of(f"classifier-{data}", key)
    fitted = fit(learner, learner.rows, plan, checkpoint)

    save_classifier(artifacts.classifier_file(data), network, data)
    artifacts.write_metrics(
        artifacts.scores_file(f"classifier-{data}", "training"),
        summary(network, dataset, splits["test"], fitted),
    )
    images = len(fitted.history) * len(learner.rows)
    artifacts.write_metrics(
        artifacts.timing_file(f"classifier-{data}"),
        timing(fitted.seconds, images // settings.batch_size, images, device),
    )
    checkpoint.remove()


if __name__ == "__main__":
    stage.run(train_classifier)
