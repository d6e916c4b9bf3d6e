import math

import pandas as pd
import pytest
import torch

from planar.small import RUN, SHAPE, grey_images, perturbed
from regen.errors import RunError
from regen.realnvp import training
from regen.realnvp.networks import build_realnvp
from regen.realnvp.training import SNAPSHOT_IMAGES, RealNvpLearner, bits, reconstruction_error, summary
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, set_precision
from training.toy import fit_epochs, stopped_at

CPU = torch.device("cpu")
TRAIN, VALID, TEST = grey_images(64, seed=1), grey_images(40, seed=2), grey_images(30, seed=3)


def learner_of(init=0, flow=None, **changes):
    run = RUN.model_copy(update=changes)
    torch.manual_seed(init)
    flow = flow or build_realnvp("small", run, SHAPE)
    return RealNvpLearner(flow, run, VALID, autocast("float64", CPU))


def fit(learner, folder, epochs=4, shown=(0, 2, 4)):
    settings = {"epochs": epochs, "batch_size": RUN.batch_size, "shown": shown, "save_every": 1}
    return fit_epochs(learner, TRAIN, Checkpoint(folder), **settings)


def weights(learner):
    return torch.cat([parameter.detach().flatten() for parameter in learner.flow.parameters()])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    learner = learner_of()
    fitted = fit(learner, tmp_path_factory.mktemp("whole"))
    return learner, fitted


# ---- the loop --------------------------------------------------------------------------------------------


def test_the_bits_fall(tmp_path):
    learner = learner_of()
    before = float(bits(learner.flow, VALID).mean())
    history = fit(learner, tmp_path, 30, (30,)).table
    assert list(history.columns) == ["epoch", "train_bits_per_dimension", "valid_bits_per_dimension"]
    for column in history.columns[1:]:
        assert history[column].iloc[-1] < history[column].iloc[0] - 0.3
    assert history["valid_bits_per_dimension"].iloc[-1] < before - 0.5
    assert (
        history["valid_bits_per_dimension"].iloc[-1] > math.log2(20) - 0.5
    )  # of 20 grey levels beside each other


def test_snapshots_are_of_the_epochs_asked_for(whole):
    learner, fitted = whole
    assert list(fitted.snapshots) == [0, 2, 4]
    for images in fitted.snapshots.values():
        assert (images.shape, images.dtype) == ((SNAPSHOT_IMAGES, *SHAPE), torch.uint8)
    assert torch.equal(fitted.snapshots[0], learner_of().snapshot(learner_of().flow))
    assert torch.equal(fitted.snapshots[4], learner.snapshot(learner.flow))
    assert not torch.equal(fitted.snapshots[0], fitted.snapshots[4])


def test_snapshots_are_of_the_same_noise_at_every_epoch(tmp_path):
    """A step size of next to nothing leaves the images as they are."""
    fitted = fit(learner_of(learning_rate=1e-12), tmp_path)
    assert torch.equal(fitted.snapshots[0], fitted.snapshots[4])
    assert torch.equal(learner_of(init=5).noise, learner_of(init=6).noise)
    assert len(fitted.snapshots[0].unique(dim=0)) == SNAPSHOT_IMAGES


def test_snapshots_have_the_run_s_temperature():
    flow = perturbed()
    for temperature in (0.1, 1.0):
        learner = learner_of(flow=flow, temperature=temperature)
        assert torch.equal(learner.snapshot(learner.flow), flow.sample(learner.noise, temperature))
    assert learner_of(flow=flow, temperature=1e-5).snapshot(flow).float().std(0).max() < 1


def test_what_is_shown_changes_nothing(whole, tmp_path):
    learner = learner_of()
    fitted = fit(learner, tmp_path, shown=())
    pd.testing.assert_frame_equal(fitted.table, whole[1].table, check_exact=True)
    assert torch.equal(weights(learner), weights(whole[0]))


@pytest.mark.parametrize("at", [1, 5, 11])  # of four steps an epoch
def test_stopped_and_resumed_equals_uninterrupted(whole, tmp_path, at):
    with pytest.raises(KeyboardInterrupt):
        fit(stopped_at(learner_of(), at), tmp_path)
    resumed = learner_of(init=99 if at > 4 else 0)
    fitted = fit(resumed, tmp_path)
    pd.testing.assert_frame_equal(fitted.table, whole[1].table, check_exact=True)
    assert torch.equal(weights(resumed), weights(whole[0]))
    assert list(fitted.snapshots) == [0, 2, 4]
    for epoch, images in whole[1].snapshots.items():
        assert torch.equal(fitted.snapshots[epoch], images)


def test_a_step_size_that_is_too_large(tmp_path):
    with pytest.raises(RunError, match=r"^toy: \w+ is not finite at step \d+ .*learning_rate 1e\+200"):
        fit(learner_of(learning_rate=1e200), tmp_path)


# ---- a step ----------------------------------------------------------------------------------------------


def step_taken(clip_norm):
    """Return by how much one step of plain gradient descent of rate 1 moves the weights, and its loss."""
    learner = learner_of(flow=perturbed(seed=2), clip_norm=clip_norm)
    learner.optimizer = torch.optim.SGD(learner.flow.parameters(), lr=1.0)
    before = weights(learner)
    torch.manual_seed(4)
    loss = learner.step(TRAIN[:16])
    return weights(learner) - before, loss


def test_the_gradient_s_norm_is_clipped():
    free, loss = step_taken(1e9)
    for clip_norm in (1e-3, 0.1):
        assert float(free.norm()) > clip_norm
        clipped, same_loss = step_taken(clip_norm)
        assert float(clipped.norm()) == pytest.approx(clip_norm, rel=1e-5)  # of norm + 1e-6
        torch.testing.assert_close(clipped / clip_norm, free / free.norm(), rtol=1e-5, atol=1e-9)
        assert torch.equal(same_loss, loss)
    torch.testing.assert_close(step_taken(2 * float(free.norm()))[0], free, rtol=1e-9, atol=1e-12)


def test_the_loss_is_the_mean_of_the_bits_of_a_dequantised_batch():
    """With the gradient of it, and not of a sum of steps."""
    free, loss = step_taken(1e9)
    flow = perturbed(seed=2)
    torch.manual_seed(4)
    expected = flow.bits_per_dimension(TRAIN[:16], torch.rand(16, 6)).mean()
    assert loss.shape == (1,)
    assert not loss.requires_grad
    torch.testing.assert_close(loss[0], expected.detach(), rtol=1e-9, atol=0)
    gradients = torch.autograd.grad(expected, list(flow.parameters()))
    torch.testing.assert_close(
        free, -torch.cat([each.flatten() for each in gradients]), rtol=1e-9, atol=1e-12
    )


def test_gradients_of_one_step_do_not_stay_for_the_next():
    learner = learner_of(flow=perturbed(seed=2), clip_norm=1e9)
    learner.optimizer = torch.optim.SGD(learner.flow.parameters(), lr=0.0)
    norms = []
    for _ in range(2):
        torch.manual_seed(4)
        learner.step(TRAIN[:16])
        norms.append(float(torch.nn.utils.get_total_norm([p.grad for p in learner.flow.parameters()])))
    assert norms[0] == norms[1]


def test_every_weight_learns():
    learner = learner_of()
    before = [parameter.detach().clone() for parameter in learner.flow.parameters()]
    torch.manual_seed(0)
    for _ in range(3):
        learner.step(TRAIN[:16])
    for parameter, was in zip(learner.flow.parameters(), before, strict=True):
        assert not torch.equal(parameter, was)


def test_half_precision_is_near():
    set_precision("bfloat16", CPU)
    flow = perturbed()
    learner = RealNvpLearner(flow, RUN, VALID, autocast("bfloat16", CPU))
    with torch.no_grad():
        torch.manual_seed(1)
        expected = flow.bits_per_dimension(TRAIN, torch.rand(TRAIN.shape)).mean()
    torch.manual_seed(1)
    found = learner.step(TRAIN)
    assert found.dtype == torch.float32
    assert float(found) != float(expected)
    assert float(found) == pytest.approx(float(expected), abs=0.1)


# ---- scores ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 30, 1000])
def test_bits_of_each_image_in_batches(monkeypatch, size):
    flow = perturbed()
    monkeypatch.setattr(training, "EVALUATION_BATCH", size)
    torch.manual_seed(5)
    found = bits(flow, TEST)
    torch.manual_seed(5)
    noise = torch.cat([torch.rand(each.shape) for each in TEST.split(size)])
    assert (found.shape, found.dtype, found.requires_grad) == ((30,), torch.float64, False)
    torch.testing.assert_close(found, flow.bits_per_dimension(TEST, noise).detach(), rtol=1e-9, atol=0)


def test_bits_of_a_flow_in_float32_are_near_and_in_float64():
    pixels = torch.cat([TEST] * 100)  # of which the noise averages out
    torch.manual_seed(5)
    exact = bits(perturbed(), pixels)
    flow = perturbed().float()
    set_precision("float32", CPU)
    found = bits(flow, pixels)
    assert found.dtype == torch.float64
    assert float(found.mean()) == pytest.approx(float(exact.mean()), abs=0.1)


def test_the_score_is_the_mean_of_the_validation_images(whole):
    learner, fitted = whole
    torch.manual_seed(1)  # the plan's seed
    expected = float(bits(learner.flow, VALID).mean())
    assert learner.validate()["bits_per_dimension"] == pytest.approx(expected, abs=0.2)
    assert fitted.table.iloc[-1]["valid_bits_per_dimension"] == expected


@pytest.mark.parametrize(("precision", "rounding"), [("float64", 1e-9), ("float32", 0.1)])
def test_reconstructions_are_exact_up_to_rounding_in_grey_levels(precision, rounding):
    set_precision(precision, CPU)
    flow = perturbed()
    assert 0 < reconstruction_error(flow, TEST) < rounding
    flow.decode = lambda z: type(flow).decode(flow, z) + torch.arange(len(z))[:, None] / 29 / 256
    assert reconstruction_error(flow, TEST) == pytest.approx(1, abs=rounding)


def test_the_summary_of_a_run(whole):
    learner, fitted = whole
    said = summary(learner.flow, fitted.table.assign(step=0), TEST, seed=3)
    assert list(said) == [
        "epochs",
        "parameters",
        "train_bits_per_dimension",
        "valid_bits_per_dimension",
        "test_images",
        "test_bits_per_dimension",
        "test_bits_standard_error",
        "reconstruction_error",
    ]
    assert said["epochs"] == 4
    assert said["test_images"] == 30
    assert said["parameters"] == 4 * ((3 * 8 + 8) + (8 * 8 + 8) + (8 * 6 + 6))
    for name in ("train_bits_per_dimension", "valid_bits_per_dimension"):
        assert said[name] == fitted.table.iloc[-1][name]
    torch.manual_seed(3)
    test_bits = bits(learner.flow, TEST)
    assert said["test_bits_per_dimension"] == pytest.approx(float(test_bits.mean()), rel=1e-9)
    assert said["test_bits_standard_error"] == pytest.approx(float(test_bits.std()) / 30**0.5, rel=1e-9)
    assert said["reconstruction_error"] == 1e-9  # or less
    torch.rand(5)
    assert summary(learner.flow, fitted.table.assign(step=0), TEST, seed=3) == said
