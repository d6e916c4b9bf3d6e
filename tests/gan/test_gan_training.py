"""Training of GANs: what the loop leaves of each kind, stops and resumptions, metrics of a run."""

import math

import pandas as pd
import pytest
import torch

from gan.small import KINDS, pixels_of, run_of, vector_of
from regen.errors import RunError
from regen.gan.sampling import sample
from regen.gan.training import evaluations, summary, train
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast
from regen.training.runs import Job

CPU = torch.device("cpu")
IMAGES = 27
EPOCHS = {"steps": None, "epochs": 3, "shown": [0, 2, 3], "evaluate_every": 2}
TERMS = ("metric", "critic_loss", "penalty", "generator_loss")


def mean_pixel(images):
    return {"mean": images.float().mean().item(), "word": "fine"}


def trained_of(run, folder, *, images=None, valid=None, scorer=mean_pixel, seed=1, init=0):
    """Train `run` from the weights of `init` to the end."""
    torch.manual_seed(init)
    job = Job("small", seed, CPU, autocast("float64", CPU), Checkpoint(folder), checkpoint_every=1)
    return train(run, pixels_of(IMAGES) if images is None else images, valid, job, scorer, samples=20)


def players(trained):
    learner = trained.learner
    return vector_of(learner.generator, learner.critic, learner.evaluated())


def assert_same(trained, expected):
    """All but the seconds that it took."""
    assert torch.equal(trained.fitted.trace, expected.fitted.trace)
    pd.testing.assert_frame_equal(trained.history, expected.history, check_exact=True)
    pd.testing.assert_frame_equal(evaluations(trained), evaluations(expected), check_exact=True)
    assert list(trained.fitted.snapshots) == list(expected.fitted.snapshots)
    assert all(map(torch.equal, trained.fitted.snapshots.values(), expected.fitted.snapshots.values()))
    assert torch.equal(players(trained), players(expected))


def test_a_run_by_steps(tmp_path):
    trained = trained_of(run_of(), tmp_path, valid=pixels_of(10))
    table = trained.history
    assert list(table.columns) == ["step", "epoch", *(f"train_{term}" for term in TERMS)]
    assert table["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["epoch"].tolist() == pytest.approx([step / 3 for step in range(1, 7)])  # 27 // 8 steps
    assert table["train_critic_loss"].tolist() == pytest.approx((-table["train_metric"]).tolist(), rel=1e-9)
    scores = evaluations(trained)
    assert list(scores.columns) == ["step", "metric", "mean", "word"]
    assert scores["step"].tolist() == [2, 4, 6]
    assert list(trained.fitted.snapshots) == [0, 4, 6]
    assert not torch.equal(trained.fitted.snapshots[4], trained.fitted.snapshots[6])


def test_a_run_by_epochs(tmp_path):
    trained = trained_of(run_of("mlp", **EPOCHS), tmp_path, valid=pixels_of(10))
    assert (trained.schedule.steps, trained.schedule.epoch) == (18, 6)  # 27 // 4 steps
    valid = ["valid_metric", "valid_critic_loss", "valid_generator_loss"]
    assert list(trained.history.columns) == ["step", "epoch", *(f"train_{term}" for term in TERMS), *valid]
    assert trained.history["step"].tolist() == [6, 12, 18]
    last = trained.learner.losses(pixels_of(10))
    assert trained.history.iloc[-1]["valid_generator_loss"] == last["generator_loss"]
    assert evaluations(trained)["step"].tolist() == [12, 18]
    assert list(trained.fitted.snapshots) == [0, 12, 18]
    without = trained_of(run_of("mlp", **EPOCHS), tmp_path / "other")
    assert without.fitted.validation == {6: {}, 12: {}, 18: {}}
    assert torch.equal(without.fitted.trace, trained.fitted.trace)


def test_scores_are_of_samples_of_the_generator_as_it_is_shown(tmp_path):
    given = []

    def score(images):
        given.append(images.clone())
        return {}

    trained = trained_of(run_of(evaluate_every=4), tmp_path / "scored", scorer=score)
    assert [images.shape for images in given] == [(20, 3, 8, 8), (20, 3, 8, 8)]
    learner = trained.learner
    assert torch.equal(given[-1], sample(learner.evaluated(), 20, learner.run.latent, seed=1))
    unscored = trained_of(run_of(evaluate_every=4), tmp_path / "unscored", scorer=None)
    assert list(evaluations(unscored).columns) == ["step", "metric"]
    assert torch.equal(unscored.fitted.trace, trained.fitted.trace)


@pytest.mark.parametrize("changes", [{"shown": [0]}, {"evaluate_every": 1}, {"statistics_batches": 1}])
def test_looking_changes_nothing(tmp_path, changes):
    ends = []
    for name, run in (("plain", run_of()), ("changed", run_of(**changes))):
        trained = trained_of(run, tmp_path / name)
        networks = vector_of(trained.learner.generator, trained.learner.critic)
        ends.append(torch.cat([networks, trained.fitted.trace.flatten()]))
    assert torch.equal(*ends)


RESUMED = {
    "residual": run_of(),
    "spectral": run_of(spectral_norm=True),
    "r1": run_of(penalty="r1", penalty_coefficient=0.1, loss="w1"),
    "gp": run_of(penalty="gp", penalty_coefficient=0.1),
    "mlp": run_of("mlp"),
    "dcgan": run_of("dcgan"),
    "epochs": run_of("mlp", **EPOCHS),
}


@pytest.mark.parametrize("run", RESUMED.values(), ids=RESUMED)
def test_stopped_at_a_score_and_resumed_equals_uninterrupted(tmp_path, run):
    """All that changes from step to step is in the checkpoint; where the loop stops is tested with a toy."""
    expected = trained_of(run, tmp_path / "whole", valid=pixels_of(10))
    calls = []

    def stop(images):
        calls.append(images)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return mean_pixel(images)

    with pytest.raises(KeyboardInterrupt):
        trained_of(run, tmp_path / "stopped", valid=pixels_of(10), scorer=stop)
    assert 0 < Checkpoint(tmp_path / "stopped").load()["fitted"]["step"] < expected.fitted.step
    torch.rand(7)  # another process is elsewhere in its random stream, and starts from other weights
    assert_same(trained_of(run, tmp_path / "stopped", valid=pixels_of(10), init=99), expected)


def test_a_learning_rate_that_is_too_large_is_named(tmp_path):
    run = run_of(loss="w1", ema=0.0, critic_learning_rate=1e200, steps=50, evaluate_every=50)
    message = (
        r"^small: \S+ is not finite at .* generator_learning_rate 0\.002, critic_learning_rate 1e\+200; "
    )
    with pytest.raises(RunError, match=message):
        trained_of(run, tmp_path)


def test_metrics_of_a_finished_run(tmp_path):
    trained = trained_of(run_of(), tmp_path)
    found = summary(trained)
    assert (found["steps"], found["epochs"]) == (6, 2)
    assert not [name for name in found if "second" in name]  # no two machines agree on them
    assert found["parameters"] == found["generator_parameters"] + found["critic_parameters"]
    assert found["critic_parameters"] == sum(p.numel() for p in trained.learner.critic.parameters())
    assert found["train_metric"] == pytest.approx(trained.fitted.trace[-1, 0].item(), rel=1e-9)
    assert all(isinstance(value, float | int) and math.isfinite(value) for value in found.values())


@pytest.mark.parametrize("kind", KINDS)
def test_training_pays(tmp_path, kind):
    """Images of one grey: after a while the generator's are nearer to it than they were."""
    rates = {"generator_learning_rate": 1e-2, "critic_learning_rate": 1e-2, "betas": [0.5, 0.9]}
    length = {"steps": 120, "evaluate_every": 120, "shown": [0, 120], "batch_size": 16}
    run = run_of(kind, loss="nonsaturating", ema=0.5, **rates, **length)
    grey = torch.full((64, 3, 8, 8), 220, dtype=torch.uint8)
    shown = trained_of(run, tmp_path, images=grey, scorer=None).fitted.snapshots
    before, after = ((shown[step].float() - 220).abs().mean() for step in (0, 120))
    assert after < 0.7 * before
