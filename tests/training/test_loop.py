"""The loop with a toy: a linear regression with dropout, so that the random stream matters."""

import math

import pandas as pd
import pytest
import torch

from regen.errors import RunError
from regen.training.checkpoint import Checkpoint
from training.toy import STEPS, BatchMeans, Regression, epochs_in, fit_epochs, fit_steps, rows, steps_in


@pytest.fixture
def data():
    return rows()


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "checkpoint")


def history_of(*args, **kwargs):
    """Learning curves of a run by epochs."""
    return fit_epochs(*args, **kwargs).table


class Recording(Checkpoint):
    """A checkpoint that notes how many epochs each saved state has seen."""

    saved = []  # noqa: RUF012

    def save(self, state):
        super().save(state)
        self.saved.append(epochs_in(self))


def test_history_has_a_row_an_epoch_with_terms_and_scores(data, checkpoint):
    learner = Regression(noisy_evaluation=True)
    history = history_of(learner, data, checkpoint)
    assert list(history.columns) == ["epoch", "train_loss", "train_weight", "valid_noise"]
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    assert history.notna().all(axis=None)
    assert learner.steps == 6 * STEPS


@pytest.mark.parametrize("checkpoint_every", [1, 2, 4])
@pytest.mark.parametrize("at", [1, STEPS, STEPS + 1, 3 * STEPS - 2, 4 * STEPS + 1, 6 * STEPS])
def test_stopped_at_any_step_and_resumed_equals_uninterrupted(data, tmp_path, at, checkpoint_every):
    whole = Regression()
    expected = history_of(whole, data, Checkpoint(tmp_path / "whole"), save_every=checkpoint_every)

    checkpoint = Checkpoint(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        fit_epochs(Regression(KeyboardInterrupt(), at), data, checkpoint, save_every=checkpoint_every)
    done = (at - 1) // STEPS // checkpoint_every * checkpoint_every
    assert epochs_in(checkpoint) == done
    torch.rand(at)  # another process is somewhere else in its random stream, and starts from other weights
    resumed = Regression(init=99 if done else 0)
    history = history_of(resumed, data, checkpoint, save_every=checkpoint_every)

    assert resumed.steps == (6 - done) * STEPS
    pd.testing.assert_frame_equal(history, expected, check_exact=True)
    assert torch.equal(resumed.weights(), whole.weights())


def test_stopped_again_and_again(data, tmp_path):
    whole = Regression()
    expected = history_of(whole, data, Checkpoint(tmp_path / "whole"))
    checkpoint = Checkpoint(tmp_path / "stopped")
    for at in (2 * STEPS + 3, 2 * STEPS + 1, 1, STEPS):
        with pytest.raises(KeyboardInterrupt):
            fit_epochs(Regression(KeyboardInterrupt(), at), data, checkpoint)
    assert epochs_in(checkpoint) == 4
    resumed = Regression()
    pd.testing.assert_frame_equal(history_of(resumed, data, checkpoint), expected, check_exact=True)
    assert torch.equal(resumed.weights(), whole.weights())


def test_a_finished_run_is_not_trained_further(data, checkpoint):
    first = Regression()
    history = history_of(first, data, checkpoint)
    again = Regression(init=99)
    pd.testing.assert_frame_equal(history_of(again, data, checkpoint), history, check_exact=True)
    assert again.steps == 0
    assert torch.equal(again.weights(), first.weights())


def test_the_seed_decides_and_nothing_else(data, tmp_path):
    histories = []
    for i, (seed, drawn_before) in enumerate([(1, 0), (1, 100), (2, 0)]):
        learner = Regression()
        torch.rand(drawn_before)
        histories.append(history_of(learner, data, Checkpoint(tmp_path / str(i)), seed=seed))
    pd.testing.assert_frame_equal(histories[0], histories[1], check_exact=True)
    assert (histories[0]["train_loss"] != histories[2]["train_loss"]).all()


def test_every_row_once_an_epoch_in_a_new_order(data, checkpoint):
    learner = Regression()
    fit_epochs(learner, data, checkpoint, epochs=3)
    assert [len(batch) for batch in learner.batches] == 3 * [5, 5, 5, 5, 2]
    orders = [torch.cat(learner.batches[i * STEPS : (i + 1) * STEPS])[:, 0] for i in range(3)]
    for order in orders:
        assert torch.equal(order.sort().values, data[:, 0].sort().values)
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[1], orders[2])
    assert not torch.equal(orders[0], data[:, 0])


def test_the_smaller_last_batch_counts_less(checkpoint):
    cubes = torch.arange(10.0) ** 3
    history = history_of(BatchMeans(), cubes, checkpoint, epochs=4, batch_size=4)
    assert history["train_mean"].tolist() == pytest.approx(4 * [202.5], rel=1e-9)
    assert history["train_square"].tolist() == pytest.approx(4 * [cubes.square().mean().item()], rel=1e-9)


def test_batches_larger_than_the_data(checkpoint):
    history = history_of(BatchMeans(), torch.arange(10.0), checkpoint, epochs=2, batch_size=64)
    assert history["train_mean"].tolist() == pytest.approx([4.5, 4.5])


def test_evaluation_does_not_disturb_the_training(data, tmp_path):
    quiet, noisy = Regression(), Regression(noisy_evaluation=True)
    expected = history_of(quiet, data, Checkpoint(tmp_path / "quiet"))
    history = history_of(noisy, data, Checkpoint(tmp_path / "noisy"))
    assert history["train_loss"].tolist() == expected["train_loss"].tolist()
    assert torch.equal(noisy.weights(), quiet.weights())


def test_evaluation_has_the_same_random_numbers_each_epoch(data, checkpoint):
    history = history_of(Regression(noisy_evaluation=True), data, checkpoint)
    assert history["valid_noise"].iloc[0] != 0
    assert history["valid_noise"].nunique() == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [2 * STEPS + 1, 2 * STEPS + 3, 3 * STEPS])
def test_a_loss_that_is_not_finite(data, tmp_path, value, at):
    checkpoint = Checkpoint(tmp_path / "troubled")
    with pytest.raises(RunError, match=rf"^toy: .*step {at} .*epoch 3.* learning_rate 0\.01\b") as caught:
        fit_epochs(Regression(value, at), data, checkpoint, save_every=1)
    assert "\n" not in str(caught.value)
    assert epochs_in(checkpoint) == 2

    whole, resumed = Regression(), Regression(init=99)
    expected = history_of(whole, data, Checkpoint(tmp_path / "whole"))
    pd.testing.assert_frame_equal(history_of(resumed, data, checkpoint), expected, check_exact=True)
    assert torch.equal(resumed.weights(), whole.weights())


def test_the_step_that_is_named_counts_the_epochs_before_a_resumption(data, checkpoint):
    with pytest.raises(KeyboardInterrupt):
        fit_epochs(Regression(KeyboardInterrupt(), 4 * STEPS + 2), data, checkpoint)
    with pytest.raises(RunError, match=rf"step {4 * STEPS + 2} "):
        fit_epochs(Regression(math.nan, 2), data, checkpoint)
    assert epochs_in(checkpoint) == 4


class BadScore(BatchMeans):
    """A score that is not finite after the third epoch."""

    def __init__(self, value):
        self.value = value
        self.evaluations = 0

    def validate(self):
        self.evaluations += 1
        return {"fine": 1.0, "score": self.value if self.evaluations == 3 else 0.5}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_that_is_not_finite(checkpoint, value):
    message = r"^toy: the validation score 'score' is \S+ at step 9 \(epoch 3\) with learning_rate 0\.1; "
    with pytest.raises(RunError, match=message) as caught:
        fit_epochs(BadScore(value), torch.arange(10.0), checkpoint, batch_size=4, save_every=1)
    assert "\n" not in str(caught.value)
    assert steps_in(checkpoint) == 2 * 3


@pytest.mark.parametrize(
    ("epochs", "every", "saved"),
    [(7, 3, [3, 6, 7]), (6, 3, [3, 6]), (3, 1, [1, 2, 3]), (2, 5, [2])],
)
def test_checkpoints_are_made_as_often_as_asked_and_at_the_end(
    data, tmp_path, monkeypatch, epochs, every, saved
):
    monkeypatch.setattr(Recording, "saved", [])
    fit_epochs(Regression(), data, Recording(tmp_path / "checkpoint"), epochs=epochs, save_every=every)
    assert Recording.saved == saved


def test_how_often_checkpoints_are_made_changes_nothing(data, tmp_path):
    histories = [
        history_of(Regression(), data, Checkpoint(tmp_path / str(every)), save_every=every)
        for every in (1, 4)
    ]
    pd.testing.assert_frame_equal(*histories, check_exact=True)


# ---- by steps, with scores -------------------------------------------------------------------------------


def scored(model):
    torch.rand(3)  # whatever it draws
    return {"sum": model.weights().sum().item(), "word": "fine"}


def test_a_run_by_steps_is_scored_where_it_should_be(data, tmp_path):
    fitted = fit_steps(
        Regression(), data, Checkpoint(tmp_path / "a"), steps=11, score_every=4, score=scored, shown=[0, 8]
    )
    assert fitted.table["step"].tolist() == list(range(1, 12))
    assert fitted.table["epoch"].tolist() == pytest.approx([step / 4 for step in range(1, 12)])
    assert [row["step"] for row in fitted.scores] == [4, 8, 11]
    means = [fitted.table["train_loss"][begin:end].mean() for begin, end in ((0, 4), (4, 8), (8, 11))]
    assert [row["loss"] for row in fitted.scores] == pytest.approx(means, rel=1e-12)
    assert list(fitted.snapshots) == [0, 8]
    unscored = fit_steps(Regression(), data, Checkpoint(tmp_path / "b"), steps=11)
    assert torch.equal(unscored.trace, fitted.trace)
    assert unscored.scores == []


def test_stopped_while_scoring(data, tmp_path):
    """Scores since the last checkpoint are taken again, the others are kept."""
    settings = {"steps": 11, "score_every": 4}
    whole = fit_steps(Regression(), data, Checkpoint(tmp_path / "a"), score=scored, **settings)
    calls = []

    def stop(model):
        calls.append(model)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return scored(model)

    checkpoint = Checkpoint(tmp_path / "b")
    with pytest.raises(KeyboardInterrupt):
        fit_steps(Regression(), data, checkpoint, score=stop, **settings)
    assert steps_in(checkpoint) == 4
    resumed = fit_steps(Regression(init=99), data, checkpoint, score=scored, **settings)
    assert resumed.scores == whole.scores
    assert torch.equal(resumed.trace, whole.trace)


def test_a_parameter_that_is_not_finite_while_the_loss_is(data, checkpoint):
    with pytest.raises(RunError, match=r"^toy: a parameter is not finite at step 10 \(epoch 2\) with "):
        fit_epochs(Regression("weights", 10), data, checkpoint, save_every=1)
    assert epochs_in(checkpoint) == 1
