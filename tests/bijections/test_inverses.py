"""Maps and their inverses undo each other, and u is moved no more than that takes."""

import math

import pytest
import torch

from bijections.small import D, coupling_of, normal, planar_of, planar_with
from regen.bijections import Composition, Logit, Planar, invertible


@pytest.mark.parametrize("d", [2, 5, 40])
def test_couplings_and_logits_invert_to_rounding(d):
    couplings = Composition([coupling_of(d, seed=seed, gain=2.0) for seed in range(8)])
    z = 3 * normal(50, d)
    torch.testing.assert_close(couplings.inverse(couplings.forward(z).y), z, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(couplings.forward(couplings.inverse(z)).y, z, rtol=1e-12, atol=1e-12)
    x = torch.linspace(0, 1, 10 * d, dtype=torch.float64).reshape(10, d)
    for alpha in (1e-5, 0.3):
        torch.testing.assert_close(Logit(alpha).inverse(Logit(alpha).forward(x).y), x, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "wu", [-1e4, -100.0, -30.0, -2.0, -1 - 1e-9, -1 + 1e-3, -1 + 1e-9, -0.5, 0.0, 1e-6, 1.0, 100.0, 1e4]
)
@pytest.mark.parametrize("size", [1e-2, 1.0, 30.0])
def test_planar_maps_invert_whatever_w_u_is(wu, size):
    planar = planar_with(wu, size=size)
    x = 3 * normal(500, D, seed=7)
    torch.testing.assert_close(planar.inverse(planar.forward(x).y), x, rtol=0, atol=1e-6)
    y = x * 2
    torch.testing.assert_close(planar.forward(planar.inverse(y)).y, y, rtol=1e-9, atol=1e-8 * (1 + abs(wu)))


@pytest.mark.parametrize("scale", [0.01, 1.0, 10.0, 100.0])
def test_planar_maps_of_random_parameters_invert(scale):
    planar = planar_of(1000, scale=scale)
    x = 3 * normal(1000, D, seed=7)
    torch.testing.assert_close(planar.inverse(planar.forward(x).y), x, rtol=0, atol=1e-6)


@pytest.mark.parametrize("d", [2, 20])
def test_many_layers_invert(d):
    flow = Composition([planar_of(d=d, scale=0.7, seed=seed) for seed in range(64)])
    x = normal(300, d, seed=99)
    torch.testing.assert_close(flow.inverse(flow.forward(x).y), x, rtol=0, atol=1e-6)


def test_float32_inverts_to_its_own_rounding():
    planar = planar_of(d=2)
    single = Planar(*(each.float() for each in (planar.u, planar.w, planar.b)))
    x = normal(500, 2, seed=7).float()
    back = single.inverse(single.forward(x).y)
    assert back.dtype == torch.float32
    torch.testing.assert_close(back, x, rtol=0, atol=1e-4)


def test_the_maps_of_a_composition_come_in_order():
    first, second = planar_of(), coupling_of()
    x = normal(10, D, seed=3)
    middle, change = first.forward(x)
    end, second_change = second.forward(middle)
    flow = Composition([first, second])
    torch.testing.assert_close(flow.forward(x), (end, change + second_change))
    torch.testing.assert_close(flow.inverse(end), first.inverse(second.inverse(end)))


def test_u_is_moved_along_w_only_where_w_u_is_below_minus_1():
    u, w = 2 * normal(1000, D), normal(1000, D, seed=1)
    wu = (u * w).sum(-1)
    low = wu < -1
    assert 100 < low.sum() < 900
    moved = invertible(u, w, dim=-1)
    assert torch.equal(moved[~low], u[~low])
    found = (moved * w).sum(-1)[low]
    assert (found > -1).all()
    torch.testing.assert_close(found, -1 + torch.log(1 + wu[low].exp()))
    change = moved[low] - u[low]
    along = (change * w[low]).sum(-1, keepdim=True) / w[low].square().sum(-1, keepdim=True) * w[low]
    torch.testing.assert_close(change, along)


def test_far_below_minus_1_w_u_comes_close_to_it_and_stays_finite():
    for wu in (-30.0, -100.0, -1e6):
        planar = planar_with(wu)
        moved = invertible(planar.u, planar.w, dim=-1)
        assert moved.isfinite().all()
        assert float(moved @ planar.w) == pytest.approx(-1 + math.log1p(math.exp(wu)), abs=1e-14 * abs(wu))
        assert planar.forward(normal(100, D)).ladj.isfinite().all()


def test_coordinates_along_any_dimension():
    u, w = 2 * normal(4, D, 7), normal(4, D, 7, seed=1)
    expected = invertible(u.transpose(1, 2), w.transpose(1, 2), dim=-1).transpose(1, 2)
    torch.testing.assert_close(invertible(u, w, dim=1), expected)


@pytest.mark.parametrize("wu", [-50.0, -1.1, -1.0, 0.0, 50.0])
def test_the_gradients_of_the_correction_are_finite_and_right(wu):
    planar = planar_with(wu)
    u, w = planar.u.requires_grad_(), planar.w.requires_grad_()
    for gradient in torch.autograd.grad(invertible(u, w, dim=-1).sin().sum(), (u, w)):
        assert gradient.isfinite().all()
    if wu != -1.0:  # where the correction sets in, it jumps
        assert torch.autograd.gradcheck(lambda u, w: invertible(u, w, dim=-1), (u, w))
