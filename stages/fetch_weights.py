"""Download the Inceptions' weights that params.yaml's scores ask for: python stages/fetch_weights.py.

Not a stage of the pipeline: scoring downloads what the cache lacks. By hand, it is for machines that have no
network when they score.
"""

from regen import stage
from regen.fidelity.weights import find_weights
from regen.params import read_params


def fetch_weights() -> None:
    """Put the weights into the cache folder, unless they are there, and print where they are."""
    score = read_params().score
    for extractor in sorted(score.inceptions):
        print(find_weights(extractor, score.weights.get(extractor)))


if __name__ == "__main__":
    stage.run(fetch_weights)
