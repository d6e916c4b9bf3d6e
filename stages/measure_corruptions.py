"""Score corrupted training images of one data set: python stages/measure_corruptions.py cifar10."""

from regen import artifacts, stage
from regen.artifacts.datasets import read_dataset
from regen.corruptions import Pool, measure
from regen.fidelity.scores import load_scorer
from regen.params import read_params
from regen.training.device import exact, set_up


def measure_corruptions(data: str) -> None:
    """Score training images of DATA, corrupted as params.yaml's section `corruptions` says."""
    params = read_params()
    device = set_up(params.device, exact(params.precision))
    scorer = load_scorer(params.score, data, device)
    train = read_dataset(artifacts.dataset_file(data)).splits["train"]
    count = min(params.corruptions.images, len(scorer.reference.features))
    pool = Pool.of(train, count, params.seed)
    scores, examples = measure(pool, params.corruptions, lambda images: scorer(images, full=False))
    artifacts.write_csv(artifacts.corruptions_file(data), scores)
    artifacts.write_tensors(artifacts.corrupted_file(data), examples)


if __name__ == "__main__":
    stage.run(measure_corruptions)
