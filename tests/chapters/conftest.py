"""Settings, records and claims as small as they can be, made up."""

import re

import pandas as pd
import pytest

from chapters.made_up import (
    RUN,
    evaluations,
    fidelity_scores,
    gan_record,
    params_dict,
    planar_scores,
    realnvp_record,
    theory_tables,
    vae_record,
)
from regen.chapters.flow import planar_table
from regen.params import Params
from regen.report.claims import Claim, Claims
from regen.report.records import Records


@pytest.fixture
def params():
    return Params.model_validate(params_dict())


@pytest.fixture
def records(verdicts):
    """As the other stages leave them; 'stale' has a record, and no run."""
    curve = [130.0, 110.0, 105.5, 104.0, 103.0, 102.5, 102.25]
    runs = {"l100": 0, "grey": 1, "same": 2, "same_planar": 3}
    return Records(
        vae={
            run: vae_record(shift, 1, binary=False) if run == "grey" else vae_record(shift, 3)
            for run, shift in {**runs, "stale": 9}.items()
        },
        realnvp={"rnvp": realnvp_record()},
        gan={"w1": gan_record()},
        fidelity={"w1": fidelity_scores(15.0), "l100": fidelity_scores(20.0) | {"misread": 0.0625}},
        evaluations={"w1": evaluations()},
        histories={
            **{
                run: pd.DataFrame(
                    {
                        "seed": seed,
                        "epoch": epoch,
                        "train_negative_elbo": value - 1.0,
                        "valid_negative_elbo": value + 0.5 * (seed - 2),
                    }
                    for seed in (1, 2, 3)
                    for epoch, value in enumerate(curve, 1)
                )
                for run in runs
            },
            "w1": pd.DataFrame({"step": [30, 60], "epoch": [0.1, 0.2], "train_metric": [0.5, 0.25]}),
            "rnvp": pd.DataFrame({"epoch": [1, 2, 3], "valid_bits_per_dimension": [3.5, 3.75, 2.5]}),
        },
        seeds={
            "l100": pd.DataFrame({"seed": [1, 2, 3], "log_p": -97.0, "elbo": -102.0}),
            "grey": pd.DataFrame({"seed": [5], "test_negative_elbo": [103.0]}),
            "same": pd.DataFrame(
                {"seed": [1, 2, 3], "log_p": [-95.0, -96.0, -95.5], "elbo": [-100.0, -102.0, -101.0]}
            ),
            "same_planar": pd.DataFrame(
                {"seed": [2, 1, 4], "log_p": [-95.5, -94.5, -94.0], "elbo": [-100.0, -99.0, -98.0]}
            ),
        },
        figures={
            **{run: ["learning_curves", "reconstructions", "samples"] for run in runs},
            "same": ["codes", "learning_curves", "manifold", "reconstructions", "samples"],
        },
        flow=pd.DataFrame(row for layers in (8, 2) for row in planar_scores(layers)),
        maps=pd.DataFrame(
            {
                "mean": [0.0, 10.0, 50.0],
                "variance": [0.01, 100.0, 100.0],
                "b": [0.0, 0.0, 10.0],
                "u_corrected": [True, False, False],
                "largest_move": [0.0123, 12.5, 60.0],
                "smaller_group": [0.45, 0.43, 0.0],
                "verdict": ["unchanged", "two groups", "one group"],
            }
        ),
        **theory_tables(),
        dirac=verdicts,
    )


@pytest.fixture
def planar(records, claims):
    return planar_table(records.flow, claims)


BINARIZED = {"data": "binarized_mnist"}


def claim(name, run, metric, expected, tolerance=0.0, given=None, **more):
    return Claim(name, "src", metric, expected, run, tolerance=tolerance, given=given or {}, **more)


@pytest.fixture
def claims():
    return Claims(
        (
            claim("a", "l100", "valid_negative_elbo", 102.0, 0.5, BINARIZED, what="-ELBO"),
            claim("b", "l100", "log_p", -95.592, 0.7, BINARIZED, what="log p"),
            claim("c", "same", "log_p", -99.0, 0.2, BINARIZED | {"epochs": RUN["epochs"]}, what="log p"),
            claim("d", "same", "valid_negative_elbo", 100.0, 4.0, BINARIZED | {"epochs": 20}),
            claim("e", "same", "valid_negative_elbo_curve", [131.0, 111.0, 103.0], 2.6),
            claim("f", "jsd-1", "verdict", "diverges"),
            claim("g", "nothing-of-ours", "log_p", -1.0),
            claim("h", "planar_arcs_2", "loss", 3.5, 0.05, {"points": "files", "iterations": 50}),
            Claim("i", "src", "loss", runs=["planar_arcs_8", "planar_arcs_2"]),
            Claim("j", "src", "elbo", runs=["same_planar", "same"], better="higher"),
            claim("k", "maps", "large", "two groups"),
            claim("l", "theory", "kl_fifty", 50.0, 1e-4),
            claim("m", "rnvp", "progress", "falls", given={"data": "mnist"}),
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
        "worst_distance": 0.98,
        "spectral_radius": 1.0,
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


@pytest.fixture
def rows():
    """Return a function that returns the cells of the first table of some Markdown, without its heading."""

    def cells(markdown):
        lines = re.findall(r"(?:^\|.*\n?)+", markdown, re.MULTILINE)[0].splitlines()
        assert len({line.count("|") for line in lines}) == 1
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]

    return cells
