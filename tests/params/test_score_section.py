"""What the sections `score` and `classifier` of params.yaml refuse."""

import pytest
from fidelity.small import SETTINGS, TRAINING
from pydantic import ValidationError

from regen.params import Classifier, Score


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"splits": 61}, "splits 61: allowed: up to samples, which is 60"),
        ({"kid_subset_size": 61}, "kid_subset_size 61: allowed: up to samples"),
        ({"weights": "w.pth"}, "allowed with extractor classifier: null"),
        ({"weights": " ", "extractor": "inception-torchvision"}, "should be a file, a URL, or null"),
        ({"extractor": "vgg16"}, "inception-torchvision"),
        ({"samples": 1}, "greater than or equal to 2"),
        ({"runs": {"x": "no_such_data"}}, "no such data set"),
        ({"runs": {"dirac": "digits"}}, "this name is reserved"),
    ],
)
def test_scores_that_cannot_be_are_refused(changes, says):
    with pytest.raises(ValidationError) as caught:
        Score.model_validate(SETTINGS.model_dump() | changes)
    assert says in str(caught.value)


def test_an_inception_may_have_weights():
    changes = {"extractor": "inception-v3-compat", "weights": "https://host/w.pth"}
    assert Score.model_validate(SETTINGS.model_dump() | changes).weights == "https://host/w.pth"


@pytest.mark.parametrize("changes", [{"widths": []}, {"widths": [0]}, {"epochs": 0}, {"learning_rate": 0.0}])
def test_classifiers_that_cannot_be_are_refused(changes):
    with pytest.raises(ValidationError):
        Classifier.model_validate(TRAINING.model_dump() | changes)
