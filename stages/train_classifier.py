"""Train the classifier of one labelled data set: python stages/train_classifier.py mnist."""

from regen import artifacts, stage
from regen.errors import InputError
from regen.fidelity.classifier import save_classifier
from regen.fidelity.training import check_labels, on_device, summary, train
from regen.params import read_params, suggest
from regen.training.runs import Session


def train_classifier(data: str) -> None:
    """Train the classifier of DATA in params.yaml's section `classifier`; killed, it goes on."""
    params = read_params()
    if data not in params.classifier:
        raise InputError(f"params.yaml: classifier: no {data!r}; {suggest(data, list(params.classifier))}")
    settings = params.classifier[data]
    session = Session.start(
        "train_classifier", data, params, name=artifacts.classifier_run(data), convolutional=True
    )
    splits = artifacts.read_dataset(artifacts.dataset_file(data)).splits
    classes = check_labels(splits["train"], f"{data}: train")
    trained = session.train(lambda job: train(settings, splits, classes, job), [params.seed])
    network, history = trained[params.seed].learner.network, trained[params.seed].history

    save_classifier(artifacts.classifier_file(data), network, data)
    metrics = summary(network, data, on_device(splits["test"], session.device), history)
    artifacts.write_metrics(artifacts.scores_file(artifacts.classifier_run(data), "training"), metrics)
    session.finish(trained)


if __name__ == "__main__":
    stage.run(train_classifier)
