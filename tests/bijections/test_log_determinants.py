"""Log-determinants are those of the Jacobians, and densities integrate to 1."""

import math

import pytest
import torch

from bijections.small import D, coupling_of, normal, planar_of, planar_with
from regen.bijections import Composition, Planar


def composed(d=D):
    return Composition([planar_of(d=d), coupling_of(d), planar_with(-3.0, d), coupling_of(d, seed=1)])


MAPS = {
    "planar": planar_of(),
    "planar, steep": planar_of(scale=3.0, seed=4),
    "planar, corrected": planar_with(-2.5),
    "planar, nearly singular": planar_with(-1 + 1e-6),
    "planar, w = 0": Planar(normal(D), torch.zeros(D).double(), torch.tensor(1.0).double()),
    "coupling": coupling_of(),
    "coupling, others kept": coupling_of(seed=5, gain=4.0),
    "composition": composed(),
    "nothing": Composition([]),
    "in one dimension": planar_of(d=1),
}


@pytest.mark.parametrize("bijection", MAPS.values(), ids=MAPS)
def test_log_determinants_are_those_of_the_jacobian(bijection):
    d = 1 if bijection is MAPS["in one dimension"] else D
    x = 2 * normal(20, d, seed=9)
    mapped = bijection.forward(x)
    assert mapped.ladj.shape == (20,)
    for i in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(lambda x: bijection.forward(x).y, x[i])
        torch.testing.assert_close(mapped.ladj[i], torch.linalg.slogdet(jacobian).logabsdet)


def test_parameters_of_each_point():
    """Amortised: point i has its own u, w and b, some of them corrected."""
    u, w, b = 2 * normal(30, D), 2 * normal(30, D, seed=1), normal(30, seed=2)
    assert ((u * w).sum(-1) < -1).any()
    assert ((u * w).sum(-1) > -1).any()
    x = normal(30, D, seed=3)
    mapped, back = Planar(u, w, b).forward(x), Planar(u, w, b).inverse(x)
    for i in range(30):
        alone = Planar(u[i], w[i], b[i])
        torch.testing.assert_close(mapped.y[i], alone.forward(x[i]).y)
        torch.testing.assert_close(mapped.ladj[i], alone.forward(x[i]).ladj)
        torch.testing.assert_close(back[i], alone.inverse(x[i]))


def test_parameters_are_broadcast_against_the_points():
    """Many samples of z (S, N, d) for each of N images' parameters (N, d), or (N, 1, d) for (N, S, d)."""
    images = planar_of(4, scale=2.0)
    z = normal(6, 4, D, seed=3)
    mapped = images.forward(z)
    assert (mapped.y.shape, mapped.ladj.shape) == ((6, 4, D), (6, 4))
    turned = Planar(images.u[:, None], images.w[:, None], images.b[:, None]).forward(z.transpose(0, 1))
    torch.testing.assert_close(turned.y.transpose(0, 1), mapped.y)
    torch.testing.assert_close(turned.ladj.T, mapped.ladj)
    for s in range(6):
        torch.testing.assert_close(images.forward(z[s]), (mapped.y[s], mapped.ladj[s]))


def test_couplings_are_what_the_paper_writes_and_leave_the_kept_entries_alone():
    coupling, x = coupling_of(), normal(8, D)
    y, ladj = coupling.forward(x)
    s, t = coupling.network(x[:, coupling.kept]).chunk(2, -1)
    assert torch.equal(y[:, coupling.kept], x[:, coupling.kept])
    torch.testing.assert_close(y[:, coupling.changed], x[:, coupling.changed] * s.tanh().exp() + t)
    torch.testing.assert_close(ladj, s.tanh().sum(-1))
    assert sorted([*coupling.kept.tolist(), *coupling.changed.tolist()]) == list(range(D))
    assert not torch.equal(x, y)


def test_gradients_go_through_points_and_parameters():
    u, w, b, x = 2 * normal(3, D), normal(3, D, seed=1), normal(3, seed=2), normal(3, D, seed=3)
    wu = (u * w).sum(-1)
    assert (wu < -1).any()
    assert (wu > -1).any()

    def of(u, w, b, x):
        return tuple(Planar(u, w, b).forward(x))

    assert torch.autograd.gradcheck(of, [each.requires_grad_() for each in (u, w, b, x)])


DENSITIES = {
    "planar": [planar_of(d=2, seed=seed) for seed in range(4)],
    "planar, corrected": [planar_with(-3.0, d=2), planar_with(-1.5, d=2, seed=5)],
    "couplings": [coupling_of(2, seed=seed) for seed in range(4)],
    "both": [planar_of(d=2, seed=3), coupling_of(2, seed=2), planar_with(-2.0, d=2)],
}


@pytest.mark.parametrize("maps", DENSITIES.values(), ids=DENSITIES)
def test_densities_integrate_to_1(maps):
    flow = Composition(maps)
    n, edge = 800, 30.0
    axis = ((torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1) * edge
    z, ladj = flow.forward(torch.cartesian_prod(axis, axis))
    log_p = -0.5 * z.square().sum(-1) - math.log(2 * math.pi) + ladj
    assert ladj.std() > 0.01  # not the identity
    assert float(log_p.exp().sum() * (2 * edge / n) ** 2) == pytest.approx(1, abs=1e-6)


def test_the_gradients_are_finite_where_w_is_0():
    u, x = normal(D).requires_grad_(), normal(8, D, seed=1)
    w, b = torch.zeros(D, dtype=torch.float64).requires_grad_(), torch.zeros((), dtype=torch.float64)
    y, ladj = Planar(u, w, b).forward(x)
    assert torch.equal(y, x)
    assert not ladj.any()
    for gradient in torch.autograd.grad((y.square().sum(-1) + ladj).sum(), (u, w)):
        assert gradient.isfinite().all()
