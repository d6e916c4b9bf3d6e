"""Pixels as real numbers, and the logit between them and the line."""

import math

import pytest
import torch

from bijections.small import D, normal
from regen.bijections import Logit, dequantise, quantise


@pytest.mark.parametrize("alpha", [1e-5, 0.05, 0.9])
def test_the_logit_s_log_determinant_is_that_of_the_jacobian(alpha):
    x = normal(20, D).sigmoid()
    y, ladj = Logit(alpha).forward(x)
    p = alpha / 2 + (1 - alpha) * x
    torch.testing.assert_close(y, torch.logit(p))
    for i in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(lambda x: Logit(alpha).forward(x).y, x[i])
        torch.testing.assert_close(ladj[i], torch.linalg.slogdet(jacobian).logabsdet)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_256_values_survive_dequantisation(dtype):
    pixels = torch.arange(256, dtype=torch.uint8)[:, None].expand(-1, 100)
    noise = torch.linspace(0, 1 - 2**-16, 100, dtype=dtype).expand(256, -1)
    x, ladj = dequantise(pixels, noise)
    assert x.dtype == ladj.dtype == dtype
    assert x.min() == 0
    assert x.max() < 1
    torch.testing.assert_close(x, ((pixels.double() + noise.double()) / 256).to(dtype))
    assert torch.equal(quantise(x), pixels)
    torch.testing.assert_close(ladj, torch.full((256,), -100 * math.log(256), dtype=dtype))


def test_dequantised_values_lie_a_256th_apart_and_fill_the_interval():
    x, _ = dequantise(torch.tensor([[7], [7], [8]], dtype=torch.uint8), torch.tensor([[0.0], [0.5], [0.0]]))
    assert x[:, 0].tolist() == [7 / 256, 7.5 / 256, 8 / 256]


def test_what_lies_outside_is_clamped():
    x = torch.tensor([-0.1, -1e-9, 0.0, 1 / 256, 1.0, 1.1])
    assert quantise(x).tolist() == [0, 0, 0, 1, 255, 255]
    assert quantise(x).dtype == torch.uint8


def test_the_logit_is_finite_at_black_and_white_in_float32():
    logit = Logit(1e-5)
    noise = torch.tensor([[0.0, 1 - 2**-24]], dtype=torch.float32)
    x, _ = dequantise(torch.tensor([[0, 255]], dtype=torch.uint8), noise)
    y, ladj = logit.forward(x)
    exact = logit.forward(x.double())
    assert y.dtype == torch.float32
    assert y.isfinite().all()
    torch.testing.assert_close(y.double(), exact.y, rtol=1e-5, atol=0)
    torch.testing.assert_close(ladj.double(), exact.ladj, rtol=1e-5, atol=0)
    torch.testing.assert_close(y[0, 0], -y[0, 1])
    torch.testing.assert_close(logit.inverse(y), x, rtol=0, atol=1e-7)
    assert quantise(logit.inverse(y)).tolist() == [[0, 255]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_the_logit_are_finite_at_black_and_white(dtype):
    x = torch.tensor([[0.0, 1.0]], dtype=dtype, requires_grad=True)
    (gradient,) = torch.autograd.grad(sum(each.sum() for each in Logit(1e-5).forward(x)), x)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1e-5, 2.0, math.nan, math.inf])
def test_margins_of_the_logit(alpha):
    with pytest.raises(ValueError, match=rf"^logit: alpha {alpha}: should be between 0 and 1"):
        Logit(alpha)
