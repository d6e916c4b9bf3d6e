"""Weights on a grid: where the points lie, and that rounding errors do not grow on them."""

import math

import pytest
import torch

from gan.small import learner_of, pixels_of, run_of
from regen.gan import sampling
from regen.training.grid import PER_STEP, on_grid, spacing
from regen.vae import observations

STEPS = 100
SHAPE = (3, 16, 16)


@pytest.mark.parametrize("rate", [1e-5, 2e-4, 1e-3, 3e-3, 0.1, 1.0])
def test_a_step_is_so_many_points_long_and_less_than_twice(rate):
    assert PER_STEP <= rate / spacing(rate) < 2 * PER_STEP
    assert math.frexp(spacing(rate))[0] == 0.5  # a power of two


def as_it_is(optimizer, _):
    return optimizer


def stepped(wrap, dtype):
    """Return weights before and after a step of Adam with two groups' learning rates."""
    weights = [torch.linspace(-1, 1, 101, dtype=dtype).requires_grad_() for _ in range(2)]
    before = [each.detach().clone() for each in weights]
    rates = 1e-3, 1e-2
    groups = [{"params": [each], "lr": rate} for each, rate in zip(weights, rates, strict=True)]
    optimizer = wrap(torch.optim.Adam(groups), torch.nn.Identity())
    sum(each.square().sum() for each in weights).backward()
    optimizer.step()
    return before, [each.detach() for each in weights], rates


def test_weights_are_the_nearest_points_to_where_the_step_leads():
    _, plain, rates = stepped(as_it_is, torch.float64)
    before, rounded, _ = stepped(on_grid, torch.float64)
    for old, exact, weights, rate in zip(before, plain, rounded, rates, strict=True):
        points = weights / spacing(rate)
        assert torch.equal(points, points.round())
        assert (weights - exact).abs().max() <= spacing(rate) / 2
        assert (weights - old).abs().max() > 100 * spacing(rate)


def test_buffers_keep_float32s_digits():
    network = torch.nn.BatchNorm1d(3)
    network.running_mean += torch.rand(3)
    exact = network.running_mean.clone()
    optimizer = on_grid(torch.optim.Adam(network.parameters()), network)
    network.eval()(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    assert torch.equal(network.running_mean, exact.float().double())
    assert not torch.equal(network.running_mean, exact)


def test_other_precisions_stay_as_they_are():
    torch.set_default_dtype(torch.float32)
    _, plain, _ = stepped(as_it_is, torch.float32)
    _, rounded, _ = stepped(on_grid, torch.float32)
    assert all(torch.equal(one, other) for one, other in zip(plain, rounded, strict=True))


def trained(noise, grid, monkeypatch):
    """Return a GAN's weights after STEPS steps, the initial ones off by a share `noise`."""
    if not grid:
        monkeypatch.setattr("regen.gan.learner.on_grid", as_it_is)
    learner = learner_of(run_of(spectral_norm=True, width=6, betas=[0.0, 0.5]), SHAPE)
    parameters = learner.generator_parameters + learner.critic_parameters
    with torch.no_grad():
        for weights in parameters:
            weights.mul_(1 + noise)
    torch.manual_seed(1)
    for step in range(STEPS):
        learner.step(pixels_of(learner.run.critic_steps * learner.run.batch_size, SHAPE, step))
    return torch.cat([weights.detach().flatten() for weights in parameters])


def test_rounding_errors_do_not_grow(monkeypatch):
    """Of a GAN with spectral norm and moments of short memory, which makes a million times more of 1e-15."""
    assert torch.equal(trained(0, True, monkeypatch), trained(1e-15, True, monkeypatch))
    apart = (trained(0, False, monkeypatch) - trained(1e-15, False, monkeypatch)).abs().max()
    assert apart > 1e-9


@pytest.mark.parametrize("scale", [sampling.scale, observations.scale], ids=["GAN", "VAE"])
@pytest.mark.parametrize("rate", [2e-4, 2e-3])
def test_sums_of_pixels_by_weights_on_the_grid_are_exact(scale, rate):
    """As math.fsum gives them, in whatever order they are added; a first layer's ties have no sign then."""
    pixels = torch.randint(256, (64, 784), dtype=torch.uint8)
    weights = (torch.randn(784) / 28).div(spacing(rate)).round().mul(spacing(rate))
    x = scale(pixels)
    exact = torch.tensor([math.fsum(row) for row in (x * weights).tolist()])
    assert torch.equal(x @ weights, exact)
    assert torch.equal(x.flip(1) @ weights.flip(0), exact)
    even = torch.cat([weights, -weights.flip(0)])  # on an even patch all of them together are nothing
    assert torch.equal(scale(torch.full((1, 1568), 77, dtype=torch.uint8)) @ even, torch.zeros(1))
