import pytest
import torch
import torch.nn.functional as F
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from regen.vae.functions import ELU, bernoulli_log_prob, elu, softplus
from vae.small import literal_log_likelihood

VALUES = [-1e4, -100.0, -20.0, -5.0, -1e-3, -1e-8, 0.0, 1e-8, 1e-3, 5.0, 20.0, 100.0, 1e4]
PRECISIONS = pytest.mark.parametrize(("dtype", "eps"), [(torch.float32, 1e-7), (torch.float64, 2e-16)])


def numbers(dtype):
    return torch.cat([torch.tensor(VALUES), torch.linspace(-30, 30, 1001)]).to(dtype)


def exact_softplus(x):
    return torch.logaddexp(x.double(), torch.zeros(1))


@PRECISIONS
@pytest.mark.parametrize(
    ("ours", "exact"),
    [(softplus, exact_softplus), (elu, lambda x: F.elu(x.double()))],
    ids=["softplus", "elu"],
)
def test_functions_and_gradients_against_float64(ours, exact, dtype, eps):
    x = numbers(dtype).requires_grad_()
    torch.testing.assert_close(ours(x).double(), exact(x), rtol=2 * eps, atol=eps)
    with torch.no_grad():
        torch.testing.assert_close(ours(x).double(), exact(x), rtol=2 * eps, atol=eps)
    cotangent = torch.linspace(-2, 3, len(x), dtype=dtype)
    (found,) = torch.autograd.grad(ours(x), x, cotangent)
    (expected,) = torch.autograd.grad(exact(x), x, cotangent.double())
    torch.testing.assert_close(found, expected, rtol=10 * eps, atol=10 * eps)
    assert torch.equal(x.detach(), numbers(dtype))  # not changed in place


@pytest.mark.parametrize("function", [softplus, elu, ELU()])
def test_gradients_are_those_of_finite_differences(function):
    x = torch.linspace(-3, 3, 10, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(function, (x,))


@pytest.mark.parametrize("function", [softplus, elu])
def test_what_is_not_a_number_stays_so(function):
    assert function(torch.tensor([torch.nan])).isnan().all()


@PRECISIONS
@pytest.mark.parametrize("x", [0.0, 1.0, 0.3])
def test_extreme_logits_against_float64(x, dtype, eps):
    logits = torch.tensor(VALUES, dtype=dtype)[:, None]
    expected = x * logits.double() - exact_softplus(logits)
    found = bernoulli_log_prob(torch.full_like(logits, x), logits)
    torch.testing.assert_close(found.double(), expected.squeeze(1), rtol=10 * eps, atol=2 * eps)
    assert (found <= 0).all()


@pytest.mark.parametrize("size", [1e4, 3210.987])
def test_an_image_that_is_certain_has_log_probability_0(size):
    x = (torch.arange(784) % 3 == 0).double()[None]
    logits = size * (2 * x - 1)
    assert bernoulli_log_prob(x, logits).item() == 0
    torch.testing.assert_close(bernoulli_log_prob(1 - x, logits), torch.tensor([-784 * size]))


def test_the_bernoulli_density_is_the_textbook_s_and_torch_s():
    generator = torch.Generator().manual_seed(6)
    x = torch.rand(4, 784, generator=generator)
    logits = 5 * torch.randn(4, 3, 784, generator=generator)
    found = bernoulli_log_prob(x[:, None], logits)
    assert found.shape == (4, 3)
    expected = literal_log_likelihood(x[:, None], logits)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for k in range(3):
        alone = bernoulli_log_prob(x, logits[:, k])
        torch.testing.assert_close(alone, found[:, k], rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(alone, -cross_entropy(logits[:, k], x, reduction="none").sum(-1))


def test_gradients_at_extreme_logits_are_finite():
    logits = torch.tensor([[-1e4, 1e4, 0.0]], requires_grad=True)
    bernoulli_log_prob(torch.tensor([[1.0, 0.0, 1.0]]), logits).sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[1.0, -1.0, 0.5]]))
