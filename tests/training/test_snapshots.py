"""Samples of the model on its way, taken by the loop at the epochs that a run shows."""

import pandas as pd
import pytest
import torch

from regen.training.checkpoint import Checkpoint
from training.toy import STEPS, BatchMeans, Regression, epochs_in, fit_epochs, rows

SHOWN = (0, 1, 4, 5, 6)


@pytest.fixture
def checkpoint(tmp_path):
    return Checkpoint(tmp_path / "checkpoint")


def assert_equal(some, other):
    assert list(some) == list(other)
    for epoch, images in some.items():
        assert torch.equal(images, other[epoch])


def test_each_is_of_the_model_after_so_many_epochs(tmp_path):
    shown = fit_epochs(Regression(), rows(), Checkpoint(tmp_path / "shown"), shown=SHOWN).snapshots
    assert list(shown) == list(SHOWN)
    for epoch in SHOWN:
        learner = Regression()
        fit_epochs(learner, rows(), Checkpoint(tmp_path / str(epoch)), epochs=epoch)
        assert torch.equal(shown[epoch], learner.snapshot(learner))
    assert not torch.equal(shown[0], shown[1])


@pytest.mark.parametrize("shown", [(), (0,), (6,), (3, 2), (6, 0), (7,)])
def test_they_are_those_asked_for_in_the_order_of_training(checkpoint, shown):
    fitted = fit_epochs(Regression(), rows(), checkpoint, shown=shown)
    assert list(fitted.snapshots) == [epoch for epoch in sorted(shown) if epoch <= 6]


def test_a_learner_that_is_not_shown_is_not_asked(checkpoint):
    assert not hasattr(BatchMeans, "snapshot")
    assert fit_epochs(BatchMeans(), torch.arange(10.0), checkpoint, epochs=2).snapshots == {}


def test_showing_changes_nothing(tmp_path):
    learners, histories = [], []
    for shown in ((), SHOWN):
        learners.append(Regression(noisy_evaluation=True))
        fitted = fit_epochs(learners[-1], rows(), Checkpoint(tmp_path / str(shown)), shown=shown)
        histories.append(fitted.table)
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    assert torch.equal(learners[0].weights(), learners[1].weights())


@pytest.mark.parametrize("checkpoint_every", [1, 2, 4])
@pytest.mark.parametrize("at", [1, STEPS + 1, 3 * STEPS - 2, 4 * STEPS + 1, 5 * STEPS + 1, 6 * STEPS])
def test_they_are_kept_over_a_stop(tmp_path, at, checkpoint_every):
    """Those before the last checkpoint come from it; those between it and the stop are taken once more."""
    asked = {"save_every": checkpoint_every, "shown": SHOWN}
    whole = fit_epochs(Regression(), rows(), Checkpoint(tmp_path / "whole"), **asked)

    checkpoint = Checkpoint(tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        fit_epochs(Regression(KeyboardInterrupt(), at), rows(), checkpoint, **asked)
    resumed = fit_epochs(Regression(init=99 if epochs_in(checkpoint) else 0), rows(), checkpoint, **asked)
    assert_equal(resumed.snapshots, whole.snapshots)
    pd.testing.assert_frame_equal(resumed.table, whole.table, check_exact=True)


def test_a_finished_run_has_them_all_without_another_step(checkpoint):
    asked = {"shown": SHOWN}
    whole, again = fit_epochs(Regression(), rows(), checkpoint, **asked), Regression(init=99)
    fitted = fit_epochs(again, rows(), checkpoint, **asked)
    assert again.steps == 0
    assert_equal(fitted.snapshots, whole.snapshots)
    pd.testing.assert_frame_equal(fitted.table, whole.table, check_exact=True)
