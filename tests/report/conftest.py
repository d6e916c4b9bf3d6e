"""Settings, records and claims as small as they can be, made up."""

import pandas as pd
import pytest

from regen.params import Params
from regen.report.claims import Claim, Claims

RUN = {
    "data": "digits",
    "binarize": True,
    "encoder": [8],
    "latent": 2,
    "decoder": [8],
    "activation": "elu",
    "logit_shift": -5.0,
    "learning_rate": 1e-3,
    "batch_size": 64,
    "epochs": 7,
}


@pytest.fixture
def params():
    return Params.model_validate(
        {
            "seed": 5,
            "device": "auto",
            "precision": "auto",
            "data": {"sets": ["digits", "mnist", "binarized_mnist"], "mirror": None},
            "training": {"checkpoint_every": 1},
            "vae": {
                "l100": RUN,
                "grey": {**RUN, "data": "mnist", "binarize": False},
                "same": {**RUN, "data": "binarized_mnist"},
            },
            "likelihood": {"importance_samples": 9, "max_memory": 256},
            "dirac": {
                "seeds": 3,
                "iterations": 50,
                "learning_rate": 0.1,
                "start_scale": 0.7,
                "coefficients": [0.1],
                "ema": 0.9,
            },
            "figures": {"dpi": 50},
        }
    )


def record(shift):
    """Return what training and estimation record of a run."""
    return {
        "training": {
            "epochs": 7,
            "parameters": 123,
            "train_negative_elbo": 101.0 + shift,
            "train_reconstruction": 81.0,
            "train_kl": 20.0,
            "valid_negative_elbo": 102.25 + shift,
            "valid_reconstruction": 82.0,
            "valid_kl": 21.0 + shift,
        },
        "likelihood": {
            "images": 250,
            "importance_samples": 9,
            "log_p": -97.125 - shift,
            "log_p_standard_error": 0.51234,
            "elbo": -102.5 - shift,
            "effective_sample_size": 3.25,
            "effective_sample_size_median": 3.0,
        },
    }


@pytest.fixture
def records():
    return {"l100": record(0), "grey": record(1), "same": record(2), "stale": record(3)}


@pytest.fixture
def curves():
    """Validation -ELBOs by epoch."""
    return {run: [130.0, 110.0, 105.5, 104.0, 103.0, 102.5, 102.25] for run in ("l100", "grey", "same")}


BINARIZED = {"data": "binarized_mnist"}


@pytest.fixture
def claims():
    return Claims(
        (
            Claim("a", "src", "l100", "valid_negative_elbo", 102.0, "-ELBO", 0.5, BINARIZED),
            Claim("b", "src", "l100", "log_p", -95.592, "log p", 0.7, BINARIZED),
            Claim("c", "src", "same", "log_p", -99.0, "log p", 0.2, BINARIZED | {"epochs": 7}),
            Claim("d", "src", "same", "valid_negative_elbo", 100.0, "-ELBO", 4.0, BINARIZED | {"epochs": 20}),
            Claim("e", "src", "same", "valid_negative_elbo_curve", [131.0, 111.0, 103.0], "curve", 2.6),
            Claim("f", "src", "jsd-1", "verdict", "diverges"),
            Claim("g", "src", "nothing-of-ours", "log_p", -1.0),
        )
    )


@pytest.fixture
def verdicts():
    """As read from the CSV that play_dirac writes: one game without an average, one with."""
    common = {"agreement": 1.0, "start_distance": 1.0, "theory": "= 1: neutral"}
    plain = {
        "name": "jsd-1",
        "metric": "jsd",
        "penalty": "none",
        "verdict": "cycles",
        "rate_per_1000": -0.004104,
        "final_distance": 0.746730178,
        "worst_distance": "0.98",
        "spectral_radius": "1.0",
    }
    averaged = {
        "name": "w1-9",
        "metric": "w1",
        "penalty": "gp",
        "coefficient": 0.01,
        "ema": 0.998,
        "verdict": "diverges",
        "rate_per_1000": 1234.5,
        "final_distance": "not finite",
        "worst_distance": "not finite",
        "spectral_radius": "unbounded",
        "verdict_ema": "converges slowly",
        "rate_per_1000_ema": -0.005217,
        "final_distance_ema": 0.0254781363,
        "agreement_ema": 0.75,
    }
    return pd.DataFrame([{**averaged, **common}, {**plain, **common}]).iloc[::-1].reset_index(drop=True)
