"""Training on the copy task, by the loop that all share."""

import math

import pandas as pd
import pytest
import torch

from depth.small import NORMS, SETTINGS
from regen.depth import training
from regen.depth.stacks import Copier, copying_loss
from regen.depth.training import ROW, CopyLearner, curve, train
from regen.errors import RunError
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast
from regen.training.runs import Job
from training.toy import stopped_at

CPU = torch.device("cpu")


def trained(folder, norm="pre", depth=1, init=1, **changes):
    job = Job("toy", 1, CPU, autocast("float64", CPU), Checkpoint(folder), 1)
    torch.manual_seed(init)
    return train(norm, depth, SETTINGS.model_copy(update=changes), job)


def weights(run):
    return torch.cat([parameter.detach().flatten() for parameter in run.learner.copier.parameters()])


@pytest.mark.parametrize("norm", NORMS)
def test_a_shallow_stack_learns_to_copy(tmp_path, norm):
    losses = curve(trained(tmp_path, norm, steps=200))["loss"]
    assert losses.iloc[0] > 0.7 * math.log(SETTINGS.words)
    assert losses.iloc[-1] < 0.2


def test_the_curve_has_means_of_some_steps_and_of_those_left(tmp_path):
    run = trained(tmp_path)
    table = curve(run)
    assert list(table.columns) == ["step", "loss"]
    assert table["step"].tolist() == [10, 20, 25]
    for row, begin in enumerate(range(0, 25, ROW)):
        expected = float(run.fitted.trace[begin : begin + ROW].mean())
        assert table["loss"][row] == pytest.approx(expected, rel=1e-12)


def test_each_sequence_is_seen_once(tmp_path, monkeypatch):
    seen = []
    step = CopyLearner.step
    monkeypatch.setattr(
        CopyLearner, "step", lambda self, batch: seen.append(batch.clone()) or step(self, batch)
    )
    trained(tmp_path, words=50)
    batches = torch.cat(seen)
    assert [len(batch) for batch in seen] == [4] * 25
    assert len(batches.unique(dim=0)) == 100  # of 50 ** 5


def test_the_same_seed_gives_the_same_weights_and_another_others(tmp_path):
    first, again, other = (
        trained(tmp_path / name, init=init) for name, init in zip("abc", (1, 1, 2), strict=True)
    )
    assert torch.equal(weights(first), weights(again))
    assert not torch.equal(weights(first), weights(other))


@pytest.mark.parametrize("at", [1, 12, 25])  # with checkpoints after 9 and 18 steps
def test_stopped_and_resumed_equals_uninterrupted(tmp_path, monkeypatch, at):
    whole = trained(tmp_path / "whole", "post", 2)
    with monkeypatch.context() as patch:
        patch.setattr(training, "CopyLearner", lambda *args: stopped_at(CopyLearner(*args), at))
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "part", "post", 2)
    state = Checkpoint(tmp_path / "part").load()
    assert (state["fitted"]["step"] if state else 0) == (at - 1) // 9 * 9
    resumed = trained(tmp_path / "part", "post", 2)
    assert torch.equal(weights(resumed), weights(whole))
    pd.testing.assert_frame_equal(curve(resumed), curve(whole), check_exact=True)


def test_a_step_is_adam_s_with_the_full_rate_from_the_first_on():
    """Adam's first step moves each weight by the rate against the sign of its gradient, here on the grid."""
    torch.manual_seed(0)
    copier, words = Copier("post", 2, SETTINGS), torch.randint(6, (4, 5))
    loss = copying_loss(copier(words), words)
    gradients = torch.autograd.grad(loss, list(copier.parameters()))
    before = [parameter.detach().clone() for parameter in copier.parameters()]
    found = CopyLearner(copier, 1e-2).step(words)
    assert found.item() == loss.item()
    for was, gradient, parameter in zip(before, gradients, copier.parameters(), strict=True):
        moved = (parameter.detach() - was)[gradient.abs() > 1e-5]
        expected = (-1e-2 * gradient.sign())[gradient.abs() > 1e-5]
        torch.testing.assert_close(moved, expected, rtol=0, atol=1e-2 / 64)


def test_a_step_size_that_is_too_large(tmp_path):
    with pytest.raises(RunError, match=r"^toy: .* is not finite at step \d+ .*depth.learning_rate 1e\+200"):
        trained(tmp_path, learning_rate=1e200)
