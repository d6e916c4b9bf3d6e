"""Settings that are allowed, one run of each kind on digits, and what is said of others."""

from copy import deepcopy
from pathlib import Path

import pytest
from pydantic import ValidationError

from regen.params import Params
from regen.params.mistakes import explain
from regen.params.yaml_files import read_yaml

REPO = Path(__file__).parents[2]
QUICK = read_yaml(REPO / "profiles" / "quick.yaml")
VAE = QUICK["vae"]["l100"] | {"epochs": 9, "shown_epochs": [0, 9]}
REALNVP = QUICK["realnvp"]["realnvp_mnist"] | {"epochs": 9, "shown_epochs": [0, 9]}
GAN = QUICK["gan"]["vu_gan"]
TRANSLATOR = QUICK["attention"]["seq_attention"]
CLASSIFIER = QUICK["classifier"]["digits"]
RUNS = {"vae": VAE, "realnvp": REALNVP, "gan": GAN, "attention": TRANSLATOR}
BASE = QUICK | {
    "data": QUICK["data"] | {"sets": ["digits"]},
    **{family: {family[0]: run} for family, run in RUNS.items()},  # vae.v, realnvp.r, gan.g, attention.a
    "classifier": {"digits": CLASSIFIER},
    "score": QUICK["score"] | {"runs": {"g": "digits"}},
}


def settings(changes):
    """Return BASE with other values at some keys, such as "flow.seeds"; `...` leaves the key out."""
    content = deepcopy(BASE)
    for key, value in changes.items():
        *sections, last = key.split(".")
        section = content
        for name in sections:
            section = section[name]
        section[last] = value
        if value is ...:
            del section[last]
    return content


def mistakes(changes):
    """Return the lines that are said of changed settings, each without its file."""
    with pytest.raises(ValidationError) as caught:
        Params.model_validate(settings(changes))
    return explain(caught.value.errors(), Params)


def mistake(changes):
    """Return the one line that is said of changed settings."""
    (line,) = mistakes(changes)
    assert "\n" not in line
    return line
