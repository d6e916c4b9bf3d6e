"""A day that is over in seconds: tiny settings on the CPU, one GAN of width 4 on coloured digits."""

from pathlib import Path

import yaml

REPO = Path(__file__).parents[2]
RUN = "cifar10_w1_3"
STEPS = 24

WANTED = """\
import pytest

@pytest.mark.cuda
def test_that_wants_it():
    assert True

def test_that_does_not():
    assert False
"""


def tiny_params(root):
    """Write settings whose one GAN takes STEPS steps, scored twice; return their path."""
    params = yaml.safe_load((REPO / "profiles" / "quick.yaml").read_text())
    gan = params["gan"][RUN] | {"width": 4, "latent": 8, "batch_size": 8, "statistics_batches": 2}
    gan |= {"steps": STEPS, "shown": [0, STEPS], "evaluate_every": STEPS // 6}
    classifier = params["classifier"]["digits_color"] | {"widths": [4, 4], "epochs": 1, "batch_size": 256}
    score = {"samples": 60, "splits": 2, "kid_subsets": 2, "kid_subset_size": 30}
    small = {"hidden": [8, 8], "couplings": 2}
    params["realnvp"] = {name: run | small for name, run in params["realnvp"].items()}
    params["attention"] = {
        name: run | {"embedding": 4, "hidden": 4} for name, run in params["attention"].items()
    }
    params |= {"device": "cpu", "precision": "float32", "gan": {RUN: gan}}
    params["classifier"] = {"digits_color": classifier, "digits": params["classifier"]["digits"]}
    params["score"] |= score | {"runs": {RUN: "digits_color"}}
    path = root / "params.yaml"
    path.write_text(yaml.safe_dump(params))
    return path


def tiny_day(root, **changes):
    """Write a day with those settings; return its path."""
    (root / "wanted").mkdir(parents=True)
    (root / "wanted" / "test_wanted.py").write_text(WANTED)
    day = {
        "params": str(tiny_params(root)),
        "runs": [RUN],
        "optional": [],
        "reserve": 2.0,
        "checks": {
            "tests": str(root / "wanted"),
            "runs": [RUN],
            "recorded_steps": 2,
            "steps": 10,
            "seeds": 2,
        },
        "table": {
            "precisions": ["float32"],
            "steps": 2,
            "repeats": 1,
            "samples": 30,
            "epochs": {"l100": 64, "realnvp_mnist": 128, "seq_attention": 64},
        },
    }
    path = root / "day.yaml"
    path.write_text(yaml.safe_dump(day | changes))
    return path
