"""Training of planar flows side by side: the plain loop's, whatever interrupts it."""

import math

import pytest
import torch

from planar.literal import LOSSES, RUNS, K, literal_loss
from planar.small import SETTINGS
from regen.bijections import Composition, Planar
from regen.errors import RunError
from regen.planar import flows
from regen.planar.flows import Objective, Run, train
from regen.planar.targets import generate
from regen.training.checkpoint import Checkpoint
from regen.training.device import set_precision

POINTS = generate(0)
ALONE = [Run("arcs", "samples", K, 5), Run("sine", "density", K, 4)]


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch):
    monkeypatch.setattr(flows, "CHUNK", 4)


def settings(**changes):
    return SETTINGS.model_copy(update=changes)


def trained(folder, runs=RUNS, **changes):
    return train(runs, POINTS, settings(**changes), Checkpoint(folder))


def assert_same(found, expected):
    for name, value in vars(expected).items():
        assert torch.equal(getattr(found, name), value), name


def test_what_training_gives(tmp_path):
    flows = trained(tmp_path)
    shapes = [tuple(each.shape) for each in vars(flows).values()]
    assert shapes == [(3, 2, 8), (3, 2, 8), (3, 8), (11, 8)]
    assert not any(each.requires_grad for each in vars(flows).values())
    flow = flows[5]
    assert len(flow.maps) == 3
    assert flow.maps[1].u.tolist() == flows.u[1, :, 5].double().tolist()
    assert flow.maps[1].w.tolist() == flows.w[1, :, 5].double().tolist()
    assert float(flow.maps[1].b) == float(flows.b[1, 5].double())


def test_flows_start_from_small_normal_u_and_w_and_no_b(tmp_path):
    """A step size of next to nothing leaves them where they start."""
    runs = [Run("arcs", "samples", 400, seed) for seed in (1, 2)]
    flows = trained(tmp_path, runs, iterations=1, averaged_losses=1, learning_rate=1e-12, init_scale=0.01)
    for each in (flows.u, flows.w):
        assert float(each.std()) == pytest.approx(0.01, rel=0.1)
        assert abs(float(each.mean())) < 0.001
    assert abs(float((flows.u * flows.w).mean())) < 1e-5  # u and w are drawn apart
    assert flows.b.abs().max() < 1e-10
    assert not torch.isclose(flows.u[..., 0], flows.u[..., 1]).all()


def test_the_seed_decides(tmp_path):
    runs = [Run("arcs", "samples", K, 1), Run("arcs", "samples", K, 1), Run("arcs", "samples", K, 2)]
    flows = trained(tmp_path, runs)
    for each in vars(flows).values():
        assert torch.equal(each[..., 0], each[..., 1])
    assert (flows.losses[:, 0] != flows.losses[:, 2]).all()


@pytest.mark.parametrize("run", ALONE, ids=lambda run: run.name)
@pytest.mark.parametrize(("precision", "rounding"), [("float64", 1e-12), ("float32", 1e-5)])
def test_a_run_alone_is_the_run_among_others_up_to_rounding(tmp_path, run, precision, rounding):
    """Not to the bit: in what order the ladj of the maps are summed depends on how many flows there are."""
    set_precision(precision, torch.device("cpu"))
    together, alone = trained(tmp_path / "a"), trained(tmp_path / "b", [run])
    for name, value in vars(alone).items():
        assert value.dtype == getattr(torch, precision)
        among = getattr(together, name)[..., RUNS.index(run)]
        torch.testing.assert_close(value[..., 0], among, rtol=rounding, atol=rounding)


@pytest.mark.parametrize("iterations", [4, 8, 9, 12])
def test_more_iterations_leave_the_first_as_they_were(tmp_path, iterations):
    few, many = trained(tmp_path / "a", iterations=iterations), trained(tmp_path / "b", iterations=14)
    assert torch.equal(many.losses[:iterations], few.losses)


def plain_training(run, iterations=6):
    """Train one run as the course would: autograd through one map after another, and RMSprop."""
    generator = torch.Generator().manual_seed(run.seed)
    u, w = SETTINGS.init_scale * torch.randn(2, K, 2, generator=generator)
    parameters = [each.clone().requires_grad_() for each in (u, w, torch.zeros(K))]
    optimizer = torch.optim.RMSprop(parameters, lr=SETTINGS.learning_rate)
    losses = []
    for start in range(0, iterations, flows.CHUNK):
        for x in flows._batches(run, generator, POINTS, SETTINGS.batch_size)[: iterations - start]:
            flow = Composition([Planar(*layer) for layer in zip(*parameters, strict=True)])
            loss = literal_loss(run, flow, x.T).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    return [each.detach() for each in parameters], torch.stack(losses)


@pytest.mark.parametrize("iterations", [1, 6])
@pytest.mark.parametrize("index", [0, 3, 5, 7], ids=lambda index: RUNS[index].name)
def test_training_is_the_plain_loop(tmp_path, index, iterations):
    parameters, losses = plain_training(RUNS[index], iterations)
    flows = trained(tmp_path, iterations=iterations)
    torch.testing.assert_close(flows.losses[:, index], losses, rtol=1e-9, atol=1e-12)
    for found, expected in zip((flows.u, flows.w, flows.b), parameters, strict=True):
        assert found.dtype == torch.float64
        torch.testing.assert_close(found[..., index], expected, rtol=1e-9, atol=1e-12)


def test_batches_are_points_of_the_target_or_normal_samples(monkeypatch):
    monkeypatch.setattr(flows, "CHUNK", 50)
    generator = torch.Generator().manual_seed(1)
    known = {tuple(point) for point in POINTS["sine"].tolist()}
    batches = flows._batches(Run("sine", "samples", K, 0), generator, POINTS, 128)
    drawn = [tuple(point) for point in batches.transpose(1, 2).reshape(-1, 2).tolist()]
    assert batches.shape == (50, 2, 128)
    assert set(drawn) <= known
    assert len(set(drawn)) > 0.7 * len(known)  # 1 - exp(-6400 / 5000) = 0.72
    batches = flows._batches(Run("sine", "density", K, 0), generator, POINTS, 128)
    assert batches.shape == (50, 2, 128)
    assert float(batches.mean()) == pytest.approx(0, abs=0.04)
    assert float(batches.std()) == pytest.approx(1, abs=0.03)


def test_the_loss_falls(tmp_path):
    flows = trained(tmp_path, iterations=400, batch_size=64, learning_rate=5e-3, init_scale=0.01)
    assert (flows.losses[-50:].mean(0) < flows.losses[:50].mean(0) - 0.3).all()


def interrupt(monkeypatch, at, trouble=KeyboardInterrupt):
    """Let the `at`-th iteration from now on, from 1, raise `trouble`."""
    steps = iter(range(1, 10_000))

    def losses_of_until(*args):
        if next(steps) == at:
            raise trouble
        return LOSSES(*args)

    monkeypatch.setattr(Objective, "losses", losses_of_until)


def done_in(checkpoint):
    state = checkpoint.load()
    return 0 if state is None else state["done"]


@pytest.mark.parametrize("at", [1, 4, 5, 6, 9, 11])
def test_stopped_at_any_iteration_and_resumed_equals_uninterrupted(tmp_path, monkeypatch, at):
    whole = trained(tmp_path / "whole")
    checkpoint = Checkpoint(tmp_path / "stopped")
    with monkeypatch.context() as patched:
        interrupt(patched, at)
        with pytest.raises(KeyboardInterrupt):
            trained(checkpoint.folder)
    assert done_in(checkpoint) == (at - 1) // 4 * 4
    torch.rand(at)  # the global generator is none of its business
    assert_same(trained(checkpoint.folder), whole)


def test_stopped_again_and_again(tmp_path, monkeypatch):
    whole = trained(tmp_path / "whole")
    checkpoint = Checkpoint(tmp_path / "stopped")
    for at in (6, 3, 5, 1):
        with monkeypatch.context() as patched:
            interrupt(patched, at, OSError("trouble"))
            with pytest.raises(OSError, match="trouble"):
                trained(checkpoint.folder)
    assert done_in(checkpoint) == 8
    assert_same(trained(checkpoint.folder), whole)


def test_a_finished_run_is_not_trained_again(tmp_path, monkeypatch):
    whole = trained(tmp_path)
    interrupt(monkeypatch, 1, AssertionError("trained again"))
    assert done_in(Checkpoint(tmp_path)) == 11
    assert_same(trained(tmp_path), whole)


def test_a_start_that_is_out_of_range(tmp_path):
    with pytest.raises(RunError, match=r"^planar_arcs_3, seed 4: .* iteration 1: ") as caught:
        trained(tmp_path, init_scale=1e200)
    message = str(caught.value)
    assert "flow.init_scale 1e+200" in message
    assert "flow.learning_rate 0.005" in message
    assert "\n" not in message
    assert not Checkpoint(tmp_path).path.exists()


def test_parameters_that_overflow_at_the_last_step_are_never_kept(tmp_path):
    with pytest.raises(
        RunError, match=r"seed \d: the loss is not finite at iteration 2: .* u, w or b is not"
    ):
        trained(tmp_path, iterations=1, averaged_losses=1, learning_rate=1e308)
    assert not Checkpoint(tmp_path).path.exists()


def test_a_step_size_that_is_too_large(tmp_path):
    with pytest.raises(
        RunError, match=r"seed \d: the loss is not finite at iteration \d+: .*learning_rate 1e\+200"
    ):
        trained(tmp_path, learning_rate=1e200)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [5, 7, 10])
def test_the_first_loss_that_is_not_finite_is_named_and_the_checkpoint_stays(
    tmp_path, monkeypatch, at, value
):
    whole = trained(tmp_path / "whole")
    steps = iter(range(1, 100))

    def losses_of_spoilt(*args):
        losses = LOSSES(*args)
        return losses.index_fill(0, torch.tensor([2, 5]), value) if next(steps) >= at else losses

    with monkeypatch.context() as patched:
        patched.setattr(Objective, "losses", losses_of_spoilt)
        with pytest.raises(RunError, match=f"iteration {at}: ") as caught:
            trained(tmp_path / "troubled")
    assert str(caught.value).startswith("planar_sine_3, seed 4: ")
    checkpoint = Checkpoint(tmp_path / "troubled")
    assert done_in(checkpoint) == (at - 1) // 4 * 4
    assert_same(trained(checkpoint.folder), whole)


def test_iterations_before_a_resumption_count(tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        interrupt(patched, 6)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path)
    monkeypatch.setattr(Objective, "losses", lambda *args: math.nan * LOSSES(*args))
    with pytest.raises(RunError, match="iteration 5: "):
        trained(tmp_path)
