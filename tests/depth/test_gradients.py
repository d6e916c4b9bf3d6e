import math

import pandas as pd
import pytest
import torch

from depth.small import NORMS, copier_of
from regen.depth.gradients import apart, layers_of, slope
from regen.depth.stacks import copying_loss, spectral_norm

STEP = 1e-5


@pytest.fixture(params=NORMS)
def measured(request):
    """A stack, its words, their states, and what is said of them."""
    copier, words = copier_of(request.param)
    start = copier.embed(words).detach()
    with torch.no_grad():
        passed = copier.passed(start)
    return copier, words, [start, *(each.output for each in passed)], layers_of(copier, words)


def loss_from(copier, words, layer, x):
    """Return the loss of the state `x` of a `layer`, by the blocks after it."""
    for block in copier.blocks[layer:]:
        x = block(x).output
    return copying_loss(copier.logits(x), words)


def gradient_at(copier, words, layer, x):
    return torch.func.grad(lambda x: loss_from(copier, words, layer, x))(x).detach()


def test_a_gradient_at_each_layer_against_finite_differences(measured):
    """The slope of the loss along the gradient is its norm, and along any other direction what it says."""
    copier, words, states, table = measured
    generator = torch.Generator().manual_seed(5)
    for layer, x in enumerate(states):
        gradient = gradient_at(copier, words, layer, x)
        assert table["gradient"][layer] == pytest.approx(float(gradient.norm()), rel=1e-10)
        other = torch.randn(x.shape, generator=generator)
        for direction in (gradient / gradient.norm(), other / other.norm()):
            with torch.no_grad():
                up, down = (loss_from(copier, words, layer, x + sign * STEP * direction) for sign in (1, -1))
            difference = float(up - down) / (2 * STEP)
            assert difference == pytest.approx(float((gradient * direction).sum()), rel=1e-6, abs=1e-9)
        assert difference != pytest.approx(float(gradient.norm()))


def test_a_block_s_gain_is_of_its_jacobian_along_the_gradient(measured):
    copier, words, states, table = measured
    for layer, block in enumerate(copier.blocks):
        jacobian = torch.autograd.functional.jacobian(lambda x, block=block: block(x).output, states[layer])
        size = states[layer].numel()
        after = gradient_at(copier, words, layer + 1, states[layer + 1]).flatten()
        before = jacobian.reshape(size, size).T @ after
        assert table["gain"][layer + 1] == pytest.approx(float(before.norm() / after.norm()), rel=1e-9)


def test_gains_multiply_to_what_the_gradient_gains(measured):
    table = measured[-1]
    assert len(table) == 4
    assert table.iloc[0][["gain", "norm_gain", "norm_lambda"]].isna().all()
    gains = math.prod(table["gain"].iloc[1:])
    assert gains == pytest.approx(table["gradient"].iloc[0] / table["gradient"].iloc[-1], rel=1e-9)


def test_the_part_of_layer_normalisation(measured):
    """Its gain along the gradient at its output, by its Jacobian."""
    copier, words, states, table = measured
    for layer, block in enumerate(copier.blocks):
        passed = block(states[layer])
        if passed.output is passed.normalised:
            gradient = gradient_at(copier, words, layer + 1, passed.output.detach())
        else:  # at the input of A alone

            def loss_of(normalised, layer=layer, block=block):
                x = states[layer] + block.attend(normalised)
                return loss_from(copier, words, layer + 1, x)

            gradient = torch.func.grad(loss_of)(passed.normalised.detach()).detach()
        rows, along = passed.entering.detach().flatten(0, 1), gradient.flatten(0, 1)
        jacobians = torch.func.vmap(torch.func.jacrev(block.norm))(rows)
        before = torch.einsum("nij,ni->nj", jacobians, along)
        assert table["norm_gain"][layer + 1] == pytest.approx((before.norm() / along.norm()).item(), rel=1e-9)
        expected = spectral_norm(passed.entering).mean().item()
        assert table["norm_lambda"][layer + 1] == pytest.approx(expected, rel=1e-12)


def test_a_block_without_attention_passes_the_gradient_on_whole():
    copier, words = copier_of("pre")
    for block in copier.blocks:
        torch.nn.init.zeros_(block.merge.weight)
    assert layers_of(copier, words).loc[1:, "gain"].tolist() == pytest.approx([1, 1, 1], rel=1e-12)


def test_how_far_apart_the_words_are():
    one = torch.tensor([[[3.0, 4.0]] * 5])
    assert apart(one) == 0
    assert apart(torch.cat([one, -one], 1)) == pytest.approx(1)
    assert apart(torch.tensor([[[1.0], [3.0]]])) == pytest.approx(math.sqrt(2 / 10))
    assert apart(torch.cat([one, -one], 0)) == 0  # within a sequence, not between sequences


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.25])
def test_the_slope_of_a_gradient_that_each_block_multiplies(factor):
    """From the output, which is last, back to the input."""
    gradients = pd.Series([3 * factor**blocks for blocks in (4, 3, 2, 1, 0)])
    assert slope(gradients) == pytest.approx(math.log(factor), abs=1e-12)
    assert slope(gradients * 7) == pytest.approx(math.log(factor), abs=1e-12)


def test_the_slope_is_by_least_squares():
    gradients = pd.Series([math.exp(value) for value in (5.0, 0.0, 1.0)])
    assert slope(gradients) == pytest.approx((5.0 - 1.0) / 2)
