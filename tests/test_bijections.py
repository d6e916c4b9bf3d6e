import math
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from planar.counting import Counting
from torch import nn

from regen.bijections import AffineCoupling, Composition, Logit, Planar, dequantise, invertible, quantise

D = 5


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def planar_of(*batch, d=D, scale=1.0, seed=0):
    u, w = scale * normal(2, *batch, d, seed=seed)
    return Planar(u, w, normal(*batch, seed=seed + 1))


def planar_with(wu, d=D, size=1.0, seed=0):
    """Return a map whose w.u is `wu` up to rounding, and whose |w| is about `size`."""
    w = size * normal(d, seed=seed)
    u = normal(d, seed=seed + 1)
    return Planar(u + (wu - w @ u) / (w @ w) * w, w, torch.tensor(0.3, dtype=torch.float64))


def coupling_of(d=D, hidden=7, seed=0, gain=1.0):
    """Return a coupling with a random mask and a random smooth network, in float64."""
    mask = torch.randperm(d, generator=torch.Generator().manual_seed(seed)) < (d + 1) // 2
    kept = int(mask.sum())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Linear(kept, hidden), nn.Tanh(), nn.Linear(hidden, 2 * (d - kept)))
    for parameter in network.parameters():
        parameter.data.mul_(gain)
    return AffineCoupling(mask, network.double().requires_grad_(False))


def composed(d=D):
    return Composition([planar_of(d=d), coupling_of(d), planar_with(-3.0, d), coupling_of(d, seed=1)])


# ---- log-determinants ------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("alpha", [1e-5, 0.05, 0.9])
def test_the_logit_s_log_determinant_is_that_of_the_jacobian(alpha):
    x = normal(20, D).sigmoid()
    y, ladj = Logit(alpha).forward(x)
    p = alpha / 2 + (1 - alpha) * x
    torch.testing.assert_close(y, torch.logit(p))
    for i in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(lambda x: Logit(alpha).forward(x).y, x[i])
        torch.testing.assert_close(ladj[i], torch.linalg.slogdet(jacobian).logabsdet)


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


# ---- inverses --------------------------------------------------------------------------------------------


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


# ---- densities -------------------------------------------------------------------------------------------

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


# ---- u made invertible -----------------------------------------------------------------------------------


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


def test_the_gradients_are_finite_where_w_is_0():
    u, x = normal(D).requires_grad_(), normal(8, D, seed=1)
    w, b = torch.zeros(D, dtype=torch.float64).requires_grad_(), torch.zeros((), dtype=torch.float64)
    y, ladj = Planar(u, w, b).forward(x)
    assert torch.equal(y, x)
    assert not ladj.any()
    for gradient in torch.autograd.grad((y.square().sum(-1) + ladj).sum(), (u, w)):
        assert gradient.isfinite().all()


# ---- cost ------------------------------------------------------------------------------------------------


def cost(bijection, x, inverse=False):
    with Counting() as counted:
        bijection.inverse(x) if inverse else bijection.forward(x)
    return counted


@dataclass
class Silent(nn.Module):
    """A conditioner that costs nothing, so that what is left is the coupling's own."""

    out: int

    def __post_init__(self):
        super().__init__()

    def forward(self, kept):
        return kept.new_zeros(1).expand(*kept.shape[:-1], self.out)


def silent_coupling(d):
    return AffineCoupling(torch.arange(d) % 2 == 0, Silent(d))


N = 3
COSTLY = {"planar": lambda d: planar_of(d=d), "coupling": silent_coupling, "logit": lambda _: Logit(0.1)}


@pytest.mark.parametrize("inverse", [False, True], ids=["forward", "inverse"])
@pytest.mark.parametrize("build", COSTLY.values(), ids=COSTLY)
def test_the_cost_is_linear_in_d(build, inverse):
    costs = [cost(build(d), torch.full((N, d), 0.5, dtype=torch.float64), inverse) for d in (60, 120, 180)]
    small, middle, large = (each.elements for each in costs)
    assert large - middle == middle - small > 0
    assert [each.largest for each in costs] == [N * 60, N * 120, N * 180]  # nothing of d x d


@pytest.mark.parametrize("inverse", [False, True], ids=["forward", "inverse"])
@pytest.mark.parametrize("build", COSTLY.values(), ids=COSTLY)
def test_the_cost_is_linear_in_the_number_of_maps(build, inverse):
    x = torch.full((N, 60), 0.5, dtype=torch.float64)
    costs = [cost(Composition([build(60)] * k), x, inverse) for k in (1, 2, 3, 4)]
    steps = {b.elements - a.elements for a, b in pairwise(costs)}
    assert len(steps) == 1
    assert {each.largest for each in costs} == {N * 60}


def test_gradients_cost_no_more_than_linear():
    def backward(d):
        x = normal(N, d).requires_grad_()
        planar = planar_of(d=d)
        with Counting() as counted:
            sum(each.sum() for each in planar.forward(x)).backward()
        return counted

    costs = [backward(d) for d in (60, 120, 180)]
    small, middle, large = (each.elements for each in costs)
    assert large - middle == middle - small > 0
    assert costs[-1].largest == N * 180


# ---- pixels ----------------------------------------------------------------------------------------------


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


# ---- mistakes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("u", "w", "b"),
    [((D,), (D - 1,), ()), ((D,), (1,), ()), ((D,), (D,), (1,)), ((3, D), (3, D), ()), ((3, D), (D,), (3,))],
)
def test_shapes_of_planar_maps(u, w, b):
    with pytest.raises(ValueError, match=r"^planar map: u \(.*\), w \(.*\), b \(.*\): should be ") as caught:
        Planar(torch.zeros(u), torch.zeros(w), torch.zeros(b))
    assert f"u {u}, w {w}, b {b}" in str(caught.value)


@pytest.mark.parametrize("d", [1, D - 1, D + 1])
def test_points_of_another_dimension(d):
    """Also those of one dimension, which broadcasting would take."""
    planar, coupling = planar_of(), coupling_of()
    with pytest.raises(ValueError, match=rf"^planar map: z \(4, {d}\): should end in d = {D}, "):
        planar.forward(normal(4, d))
    with pytest.raises(ValueError, match=rf"^planar map: y \(4, {d}\): should end in d = {D}, "):
        planar.inverse(normal(4, d))
    for method in (coupling.forward, coupling.inverse):
        with pytest.raises(ValueError, match=rf"^coupling: mask of size {D} for data \(4, {d}\): "):
            method(normal(4, d))


@pytest.mark.parametrize(
    "mask",
    [
        torch.ones(D, dtype=torch.bool),
        torch.zeros(D, dtype=torch.bool),
        torch.ones(0, dtype=torch.bool),
        torch.tensor(True),
        torch.arange(D),
        torch.tensor([1.0, 0.0, 1.0]),
        torch.eye(2, dtype=torch.bool),
    ],
    ids=["all", "none", "empty", "a scalar", "integers", "floats", "a matrix"],
)
def test_masks_that_couple_nothing(mask):
    with pytest.raises(ValueError, match=r"^coupling: mask \(.*\) of torch\..*: should be "):
        AffineCoupling(mask, nn.Linear(2, 2))


@pytest.mark.parametrize("out", [1, 3, 5, 8])
def test_networks_of_another_size(out):
    coupling = AffineCoupling(torch.tensor([True, False, True, False]), nn.Linear(2, out).double())
    for method in (coupling.forward, coupling.inverse):
        with pytest.raises(ValueError, match=rf"^coupling: network gives {out} numbers: should be 4, "):
            method(normal(3, 4))


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1e-5, 2.0, math.nan, math.inf])
def test_margins_of_the_logit(alpha):
    with pytest.raises(ValueError, match=rf"^logit: alpha {alpha}: should be between 0 and 1"):
        Logit(alpha)
