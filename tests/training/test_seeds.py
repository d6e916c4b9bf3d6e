"""Real runs of stages/train_vae.py and stages/estimate_likelihood.py with more than one seed."""

import pandas as pd
import pytest
import torch

from regen.artifacts import (
    history_file,
    likelihoods_file,
    read_csv,
    read_metrics,
    read_snapshots,
    read_tensors,
    scores_file,
    seeds_file,
    snapshots_file,
    weights_file,
)
from regen.artifacts.datasets import read_dataset
from regen.likelihood.importance import estimate
from regen.training.device import autocast
from regen.vae.networks import load_vae
from regen.vae.observations import observations
from regen.vae.training import VaeLearner
from training.workplace import RUN, Workplace, outputs

pytestmark = pytest.mark.slow

SHAPE, EPOCHS = (1, 28, 28), 3
SMALL = {"encoder": [30], "decoder": [30], "latent": 5, "epochs": EPOCHS}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Seeds 2 and 1, in this order, trained and estimated."""
    place = Workplace(tmp_path_factory.mktemp("both") / "work", seeds=[2, 1], **SMALL)
    place.finish()
    assert place.published().keys() == set(outputs(1, 2))
    place.finish("estimate_likelihood")
    return place


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Seed 1, which params.yaml has as its `seed`, trained."""
    place = Workplace(tmp_path_factory.mktemp("alone") / "work", seed=1, **SMALL)
    place.finish()
    assert place.published().keys() == set(outputs(1))
    return place


def test_a_seed_gives_what_it_gives_alone(both, alone):
    assert both.published()[weights_file(RUN, 1)] == alone.published()[weights_file(RUN, 1)]
    assert both.published()[weights_file(RUN, 2)] != alone.published()[weights_file(RUN, 1)]
    history, expected = (read_csv(place.root / history_file(RUN)) for place in (both, alone))
    assert history["seed"].tolist() == EPOCHS * [2] + EPOCHS * [1]
    assert history["epoch"].tolist() == [*range(1, EPOCHS + 1)] * 2
    ours = history[history["seed"] == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, expected, check_exact=True)


def test_metrics_are_means_with_deviations_only_where_there_are_two(both, alone):
    history = read_csv(both.root / history_file(RUN))
    last = history[history["epoch"] == EPOCHS].set_index("seed")
    metrics, single = (read_metrics(place.root / scores_file(RUN, "training")) for place in (both, alone))
    for name in ("train_negative_elbo", "valid_negative_elbo", "valid_kl"):
        assert metrics[name] == pytest.approx(last[name].mean(), rel=1e-5)
        deviation = abs(last[name][1] - last[name][2]) / 2**0.5
        assert metrics[f"{name}_deviation"] == pytest.approx(deviation, abs=0.01)  # the table is rounded
        assert single[name] == pytest.approx(last[name][1], rel=1e-5)
    assert (metrics["seeds"], single["seeds"]) == (2, 1)
    assert not [name for name in single if "deviation" in name]
    assert set(metrics) == {*single, *(name for name in metrics if name.endswith("_deviation"))}


def test_what_is_shown_is_the_first_seed(both):
    run = both.params.vae_run(RUN)
    vae = load_vae(run, SHAPE, both.root / weights_file(RUN, 2))
    valid = torch.zeros(1, 784, dtype=torch.uint8)
    learner = VaeLearner(vae, run, valid, autocast("float64", torch.device("cpu")))
    snapshots = read_snapshots(both.root / snapshots_file(RUN))
    assert list(snapshots) == run.shown_epochs
    assert torch.equal(snapshots[EPOCHS], learner.snapshot(vae))


def test_every_seed_s_likelihood_is_that_of_its_own_weights(both):
    test = read_dataset(both.root / "data" / "digits.safetensors").splits["test"]
    likelihoods, _ = read_tensors(both.root / likelihoods_file(RUN))
    table = read_csv(both.root / seeds_file(RUN))
    assert table["seed"].tolist() == [2, 1]
    for i, seed in enumerate([2, 1]):
        run = both.params.vae_run(RUN)
        vae = load_vae(run, SHAPE, both.root / weights_file(RUN, seed))
        result = estimate(vae, observations(test, run.binarize), 5, 64, seed)
        for key, expected in (("log_p", result.log_p), ("ess", result.ess)):
            torch.testing.assert_close(likelihoods[key][i], expected.float())
        assert table["log_p"][i] == pytest.approx(result.log_p.mean().item(), rel=1e-5)
        assert table["elbo"][i] == pytest.approx(result.elbo.mean().item(), rel=1e-5)
    metrics = read_metrics(both.root / scores_file(RUN, "likelihood"))
    assert metrics["log_p"] == pytest.approx(table["log_p"].mean(), rel=1e-5)
    assert metrics["log_p_deviation"] == pytest.approx(table["log_p"].std(), abs=0.01)
