import math

import pytest
import torch
from torch import nn

from gan.small import images_of, networks_of, run_of
from regen.gan.losses import (
    OBJECTIVES,
    between,
    cross_entropy,
    gp,
    has_batch_norm,
    jsd,
    r1,
    slopes,
    values,
    w1,
)


@pytest.fixture
def P_Q():  # noqa: N802
    torch.manual_seed(0)
    return 3 * torch.randn(7), 3 * torch.randn(7)


def test_metrics_are_what_their_formulas_say(P_Q):
    P, Q = P_Q
    real, fake = 1 / (1 + (-P).exp()), 1 / (1 + (-Q).exp())
    entropy = -real.log().mean() - (1 - fake).log().mean()
    assert jsd(P, Q).item() == pytest.approx((math.log(4) - entropy.item()) / 2, rel=1e-9)
    assert cross_entropy(P, Q).item() == pytest.approx(entropy.item(), rel=1e-9)
    assert w1(P, Q).item() == pytest.approx((P.sum() - Q.sum()).item() / 7, rel=1e-9)


def test_the_players_losses(P_Q):
    P, Q = P_Q
    for name, metric in (("jsd", jsd), ("w1", w1)):
        objective = OBJECTIVES[name]
        assert objective.metric is metric
        assert objective.critic(P, Q) == -metric(P, Q)
        # the generator's differs from the metric by what does not depend on it
        difference = objective.generator(Q) - metric(P, Q)
        other = objective.generator(-Q) - metric(P, -Q)
        assert difference.item() == pytest.approx(other.item(), rel=1e-9)
    objective = OBJECTIVES["nonsaturating"]
    assert objective.metric is jsd
    assert objective.critic is cross_entropy
    expected = -(1 / (1 + (-Q).exp())).log().mean()
    assert objective.generator(Q).item() == pytest.approx(expected.item(), rel=1e-9)


def test_the_best_critic_s_metric_is_the_divergence():
    """On three points, with log p/q the best logits: p = q gives 0, nothing in common gives log 2."""
    p, q = torch.tensor([4, 3, 1]), torch.tensor([1, 3, 4])
    C = (p / q).log()
    P, Q = C.repeat_interleave(p), C.repeat_interleave(q)
    p, q = p.double() / 8, q.double() / 8
    m = (p + q) / 2
    divergence = ((p * (p / m).log()).sum() + (q * (q / m).log()).sum()) / 2
    assert jsd(P, Q).item() == pytest.approx(divergence.item(), rel=1e-9)
    for shift in (-0.3, 0.2):  # any other critic's is smaller
        assert jsd(P + shift, Q + shift) < divergence
        assert jsd(P * (1 + shift), Q * (1 + shift)) < divergence
    assert jsd(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(0, abs=1e-15)
    assert jsd(torch.full((3,), 50.0), torch.full((3,), -50.0)).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_losses_stay_finite_where_probabilities_round_to_0_and_1(name):
    objective = OBJECTIVES[name]
    for sign in (-1, 1):
        P, Q = (torch.full((2,), side * 1e4).requires_grad_() for side in (sign, -sign))
        for loss in (objective.metric(P, Q), objective.critic(P, Q), objective.generator(Q)):
            assert loss.isfinite()
        (objective.critic(P, Q) + objective.generator(Q)).backward()
        assert P.grad.isfinite().all()
        assert Q.grad.isfinite().all()


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_the_critic_raises_the_real_and_the_generator_its_own(name, P_Q):
    P, Q = (each.requires_grad_() for each in P_Q)
    OBJECTIVES[name].critic(P, Q).backward()
    assert (P.grad < 0).all()
    assert (Q.grad > 0).all()
    Q.grad = None
    OBJECTIVES[name].generator(Q).backward()
    assert (Q.grad < 0).all()


def test_only_the_non_saturating_generator_learns_from_what_is_found_out():
    """Goodfellow et al., section 3: where D(G(z)) is near 0, log(1 - D) is flat and -log D is steep."""
    gradients = {}
    for name in ("jsd", "nonsaturating"):
        Q = torch.tensor([-10.0], requires_grad=True)
        OBJECTIVES[name].generator(Q).backward()
        gradients[name] = abs(Q.grad.item())
    assert gradients["jsd"] == pytest.approx(torch.tensor(-10.0).sigmoid().item() / 2, rel=1e-9)
    assert gradients["nonsaturating"] == pytest.approx(1, abs=1e-4)


@pytest.fixture(params=["residual", "mlp"])
def critic(request):
    """A smooth critic, so that finite differences are exact enough."""
    _, critic = networks_of(run_of(request.param))
    for name, module in list(critic.named_modules()):
        if isinstance(module, nn.LeakyReLU):
            critic.set_submodule(name, nn.Softplus())
    return critic


def differences(critic, x, step=1e-5):
    """Return dC/dx of each image by central differences, (N, C*H*W)."""
    columns = []
    for i in range(x[0].numel()):
        shift = torch.zeros(x[0].numel(), dtype=x.dtype)
        shift[i] = step
        shift = shift.view(x.shape[1:])
        with torch.no_grad():
            columns.append((critic(x + shift) - critic(x - shift)) / (2 * step))
    return torch.stack(columns, 1)


def test_penalties_against_finite_differences(critic):
    x = images_of(3).requires_grad_()
    expected = differences(critic, x.detach())
    torch.testing.assert_close(slopes(critic(x), x).detach(), expected, rtol=1e-6, atol=1e-9)
    squared = expected.square().sum(1)
    assert r1(critic(x), x).item() == pytest.approx(squared.mean().item(), rel=1e-6)
    assert gp(critic(x), x).item() == pytest.approx((squared.sqrt() - 1).square().mean().item(), rel=1e-6)


@pytest.mark.parametrize("penalty", [r1, gp])
def test_a_penalty_s_gradient_against_finite_differences(critic, penalty):
    """The gradient of a gradient, along a random direction in the critic's parameters."""
    x = images_of(3).requires_grad_()
    parameters = list(critic.parameters())
    gradients = torch.autograd.grad(penalty(critic(x), x), parameters, allow_unused=True)
    torch.manual_seed(1)
    directions = [torch.randn_like(parameter) for parameter in parameters]
    slope = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True) if g is not None)

    def moved(step):
        for parameter, direction in zip(parameters, directions, strict=True):
            parameter.data += step * direction
        found = penalty(critic(x), x).item()
        for parameter, direction in zip(parameters, directions, strict=True):
            parameter.data -= step * direction
        return found

    assert slope.item() == pytest.approx((moved(1e-5) - moved(-1e-5)) / 2e-5, rel=1e-5)


def test_penalties_of_a_linear_critic():
    w = torch.randn(3 * 8 * 8, generator=torch.Generator().manual_seed(0)) / 5
    x = images_of(5).requires_grad_()
    norm = w.norm().item()
    assert r1(x.flatten(1) @ w, x).item() == pytest.approx(norm**2, rel=1e-9)
    assert gp(x.flatten(1) @ w, x).item() == pytest.approx((norm - 1) ** 2, rel=1e-9)


def test_gp_at_its_kink_has_a_gradient_of_zero():
    w, x = torch.zeros(192, requires_grad=True), images_of(5).requires_grad_()
    penalty = gp(x.flatten(1) @ w, x)
    penalty.backward()
    assert penalty == 1
    assert torch.equal(w.grad, torch.zeros(192))


def test_between_is_one_point_a_pair_on_the_line_that_joins_it():
    real, fake = images_of(400, seed=1), images_of(400, seed=2)
    torch.manual_seed(0)
    x = between(real, fake)
    share = ((x - real) / (fake - real)).flatten(1).nanmedian(1).values
    assert x.shape == real.shape
    torch.testing.assert_close(x, real + share[:, None, None, None] * (fake - real), rtol=0, atol=1e-12)
    assert 0 <= share.min() < 0.05
    assert 0.95 < share.max() <= 1
    assert share.mean().item() == pytest.approx(0.5, abs=4 / (12 * 400) ** 0.5)


def test_values_do_not_depend_on_company_but_for_batch_norm():
    shape = (3, 16, 16)
    real, fake = images_of(4, shape, seed=1), 0.5 * images_of(4, shape, seed=2)
    for kind, independent in (("residual", True), ("mlp", True), ("dcgan", False)):
        _, critic = networks_of(run_of(kind), shape)
        assert has_batch_norm(critic) != independent
        apart = torch.cat(values(critic, real, fake, together=False))
        together = torch.cat(values(critic, real, fake, together=True))
        assert torch.allclose(apart, together, rtol=1e-9, atol=1e-12) == independent
        assert torch.allclose(apart, torch.cat([critic(real), critic(fake)]), rtol=1e-9, atol=1e-12)
