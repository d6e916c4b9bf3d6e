"""Measure the features of one data set's test images: python stages/measure_reference.py cifar10."""

from regen import artifacts, stage
from regen.artifacts.datasets import read_dataset
from regen.fidelity.reference import SPLIT, measure, write_reference
from regen.fidelity.scores import extractor_of
from regen.params import read_params
from regen.training.device import exact, set_up


def measure_reference(data: str) -> None:
    """Measure the features of DATA's test images with params.yaml's score.extractor."""
    params = read_params()
    device = set_up(params.device, exact(params.precision))
    test = read_dataset(artifacts.dataset_file(data)).splits[SPLIT]
    reference = measure(extractor_of(params.score, data, device), test, data)
    write_reference(artifacts.reference_file(data), reference)


if __name__ == "__main__":
    stage.run(measure_reference)
