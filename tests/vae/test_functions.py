import pytest
import torch
import torch.nn.functional as F
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from regen.vae.functions import ELU, bernoulli_log_prob, elu, softplus
from vae.small import literal_log_likelihood

VALUES = torch.tensor([-1e4, -100.0, -20.0, -5.0, -1e-3, -1e-8, 0.0, 1e-8, 1e-3, 5.0, 20.0, 100.0, 1e4])


def numbers():
    return torch.cat([VALUES, torch.linspace(-30, 30, 1001)])


def exact_softplus(x):
    return torch.logaddexp(x.double(), torch.zeros(1).double())


@pytest.mark.parametrize(
    ("ours", "exact"),
    [(softplus, exact_softplus), (elu, lambda x: F.elu(x.double()))],
    ids=["softplus", "elu"],
)
def test_functions_and_gradients_against_float64(ours, exact):
    x = numbers().requires_grad_()
    torch.testing.assert_close(ours(x).double(), exact(x), rtol=2e-7, atol=1e-7)
    with torch.no_grad():
        torch.testing.assert_close(ours(x).double(), exact(x), rtol=2e-7, atol=1e-7)
    cotangent = torch.linspace(-2, 3, len(x))
    (found,) = torch.autograd.grad(ours(x), x, cotangent)
    (expected,) = torch.autograd.grad(exact(x), x, cotangent.double())
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(x.detach(), numbers())  # not changed in place


@pytest.mark.parametrize("function", [softplus, elu, ELU()])
def test_gradients_are_those_of_finite_differences(function):
    x = torch.linspace(-3, 3, 10, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(function, (x,))


@pytest.mark.parametrize("function", [softplus, elu])
def test_what_is_not_a_number_stays_so(function):
    assert function(torch.tensor([torch.nan])).isnan().all()


@pytest.mark.parametrize("x", [0.0, 1.0, 0.3])
def test_extreme_logits_against_float64(x):
    logits = VALUES[:, None]
    expected = x * logits.double() - exact_softplus(logits)
    found = bernoulli_log_prob(torch.full_like(logits, x), logits)
    torch.testing.assert_close(found.double(), expected.squeeze(1), rtol=1e-6, atol=2e-7)
    assert (found <= 0).all()


@pytest.mark.parametrize("size", [1e4, 3210.987])
def test_an_image_that_is_certain_has_log_probability_0(size):
    x = (torch.arange(784) % 3 == 0).float()[None]
    logits = size * (2 * x - 1)
    assert bernoulli_log_prob(x, logits).item() == 0
    torch.testing.assert_close(
        bernoulli_log_prob(1 - x, logits).double(), torch.tensor([-784 * size]).double()
    )


def test_the_bernoulli_density_is_the_textbook_s_and_torch_s():
    generator = torch.Generator().manual_seed(6)
    x = torch.rand(4, 784, generator=generator)
    logits = 5 * torch.randn(4, 3, 784, generator=generator)
    found = bernoulli_log_prob(x[:, None], logits)
    assert found.shape == (4, 3)
    expected = literal_log_likelihood(x[:, None], logits)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-3)
    for k in range(3):
        alone = bernoulli_log_prob(x, logits[:, k])
        torch.testing.assert_close(alone, found[:, k], rtol=1e-6, atol=1e-3)
        torch.testing.assert_close(alone, -cross_entropy(logits[:, k], x, reduction="none").sum(-1))


def test_gradients_at_extreme_logits_are_finite():
    logits = torch.tensor([[-1e4, 1e4, 0.0]], requires_grad=True)
    bernoulli_log_prob(torch.tensor([[1.0, 0.0, 1.0]]), logits).sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[1.0, -1.0, 0.5]]))
