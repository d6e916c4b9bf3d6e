"""The critic's convolution is torch's, with the same derivatives, first and second."""

import pytest
import torch
from torch import nn

from gan.small import images_of, networks_of, run_of
from regen.gan import convolution
from regen.gan.losses import gp, r1
from regen.gan.networks import ResidualBlock

LAYERS = {  # channels, channels, kernel, stride, padding
    "halves": (3, 4, 4, 2, 1),
    "keeps": (3, 3, 3, 1, 1),
    "one pixel": (3, 5, 1, 1, 0),
    "skips rows": (2, 3, 3, 3, 0),
}


def both(layer, bias):
    """Return torch's layer, and what is to be the same."""
    torch.manual_seed(0)
    plain = nn.Conv2d(*LAYERS[layer], bias=bias)
    return plain, lambda x: convolution.convolved(plain, x, plain.weight, plain.bias)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layer", LAYERS)
def test_values_and_derivatives_are_those_of_torch_s(layer, bias):
    found = []
    plain, ours = both(layer, bias)
    for convolve in (plain, ours):
        torch.manual_seed(1)
        x = torch.randn(2, plain.in_channels, 10, 8, requires_grad=True)
        y = convolve(x)
        (slope,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        first = torch.autograd.grad(y.sin().sum(), [x, *plain.parameters()], retain_graph=True)
        second = torch.autograd.grad(slope.square().sum(), [x, *plain.parameters()])
        found.append([y, slope, *first, *second])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@pytest.fixture
def _as_on_cuda(monkeypatch):
    for kind in (nn.Conv2d, convolution.Convolution):
        monkeypatch.setattr(kind, "_conv_forward", convolution.convolved)


@pytest.mark.parametrize("spectral_norm", [False, True])
@pytest.mark.parametrize("kind", ["residual", "dcgan"])
def test_a_critic_has_the_same_penalties_and_gradients(kind, spectral_norm, request):
    found = []
    for _ in range(2):
        _, critic = networks_of(run_of(kind, spectral_norm=spectral_norm))
        x = images_of(4).requires_grad_()
        P = critic(x)
        penalties = r1(P, x), gp(P, x)
        (sum(penalties) + P.sum()).backward()
        found.append([P, *penalties, *(weights.grad for weights in critic.parameters())])
        request.getfixturevalue("_as_on_cuda")  # for the second critic
    for one, other in zip(*found, strict=True):
        if one is None:
            assert other is None
        else:
            torch.testing.assert_close(one, other)


def test_under_autocast_it_computes_in_its_type():
    _, critic = networks_of(run_of(penalty="r1", penalty_coefficient=1.0))
    critic, x = critic.float(), images_of(4).float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        P = critic(x)
    assert P.dtype == torch.bfloat16
    exact = r1(critic(x), x)
    torch.testing.assert_close(r1(P, x), exact, rtol=0.05, atol=0)


@pytest.mark.parametrize("in_bfloat16", [False, True])
def test_on_a_cpu_it_is_torch_s_but_under_autocast(monkeypatch, in_bfloat16):
    called = []
    monkeypatch.setattr(convolution, "convolved", lambda layer, x, *_: called.append(layer) or x)
    layer = convolution.Convolution(1, 1, 1).float()
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
        layer(torch.ones(1, 1, 2, 2, dtype=torch.float32))
    assert bool(called) == in_bfloat16


@pytest.mark.parametrize(
    ("kind", "penalty"), [("residual", "none"), ("residual", "r1"), ("residual", "gp"), ("dcgan", "none")]
)
def test_only_critics_with_a_penalty_have_it(kind, penalty):
    run = run_of(kind, penalty=penalty, penalty_coefficient=float(penalty != "none"))
    generator, critic = networks_of(run)
    kinds = [
        {type(module) for module in network.modules() if isinstance(module, nn.Conv2d)}
        for network in (generator, critic)
    ]
    generator_s = {nn.Conv2d} if kind == "residual" else set()  # in its residual blocks
    assert kinds == [generator_s, {nn.Conv2d if penalty == "none" else convolution.Convolution}]
    assert any(isinstance(module, ResidualBlock) for module in generator.modules()) == (kind == "residual")
