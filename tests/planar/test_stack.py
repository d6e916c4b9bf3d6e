import pytest
import torch

from planar.counting import Counting
from regen.bijections import Composition, Planar, invertible
from regen.planar.stack import planar_stack

SIZES = [(1, 2, 1, 1), (1, 2, 3, 5), (2, 1, 3, 4), (3, 2, 1, 7), (8, 2, 4, 6), (5, 3, 2, 4), (32, 2, 2, 3)]


def stacks(k, d, R, B, scale=1.5, seed=0, dtype=torch.float64):
    """Return x (d, R, B), u and w (k, d, R, 1) and b (k, R, 1), with gradients."""
    generator = torch.Generator().manual_seed(seed)
    shapes = [(d, R, B), (k, d, R, 1), (k, d, R, 1), (k, R, 1)]
    x, *parameters = (torch.randn(shape, generator=generator, dtype=dtype) for shape in shapes)
    u, w, b = (factor * each for factor, each in zip((scale, scale, 1), parameters, strict=True))
    return x.requires_grad_(), u.requires_grad_(), w.requires_grad_(), b.requires_grad_()


def one_by_one(x, u, w, b):
    """Return what autograd's maps, one run after another, make of the same."""
    ys, ladjs = [], []
    for r in range(x.shape[1]):
        flow = Composition([Planar(u[i, :, r, 0], w[i, :, r, 0], b[i, r, 0]) for i in range(len(u))])
        y, ladj = flow.forward(x[:, r].T)
        ys.append(y.T)
        ladjs.append(ladj)
    return torch.stack(ys, 1), torch.stack(ladjs)


def gradients(function, *given, seed=5):
    y, ladj = function(*given)
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randn(each.shape, generator=generator, dtype=torch.float64) for each in (y, ladj)]
    return torch.autograd.grad((y, ladj), given, [each.to(y.dtype) for each in weights])


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_values_are_those_of_the_maps(size):
    given = stacks(*size)
    y, ladj = planar_stack(*given)
    assert (y.shape, ladj.shape) == (given[0].shape, given[0].shape[1:])
    torch.testing.assert_close((y, ladj), one_by_one(*given), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_gradients_are_those_of_autograd(size):
    given = stacks(*size)
    found, expected = gradients(planar_stack, *given), gradients(one_by_one, *given)
    for each, oracle, parameter in zip(found, expected, given, strict=True):
        assert each.shape == parameter.shape
        torch.testing.assert_close(each, oracle, rtol=1e-7, atol=1e-7 * float(oracle.abs().max()))


@pytest.mark.parametrize("only", [0, 1], ids=["points", "ladj"])
def test_gradients_of_either_output(only):
    given = stacks(3, 2, 2, 4, seed=2)
    found = torch.autograd.grad(planar_stack(*given)[only].sin().sum(), given)
    expected = torch.autograd.grad(one_by_one(*given)[only].sin().sum(), given)
    torch.testing.assert_close(found, expected)


def test_corrected_and_uncorrected_maps_are_among_those_above():
    _, u, w, _ = stacks(8, 2, 4, 6)
    corrected = (u * w).sum(1) < -1
    assert 0 < corrected.sum() < corrected.numel()


@pytest.mark.parametrize("scale", [0.01, 1.0, 2.0])
def test_gradients_are_those_of_finite_differences(scale):
    x, u, w, b = stacks(3, 2, 2, 4, scale=scale, seed=3)
    assert ((u * w).sum(1) < -1).any() == (scale > 0.1)
    assert torch.autograd.gradcheck(lambda *given: tuple(planar_stack(*given)), (x, u, w, b))


def test_the_points_are_left_as_they_are():
    x, u, w, b = stacks(3, 2, 2, 4)
    before = [each.detach().clone() for each in (x, u, w, b)]
    y, ladj = planar_stack(x, u, w, b)
    (y.sum() + ladj.sum()).backward()
    for each, was in zip((x, u, w, b), before, strict=True):
        assert torch.equal(each.detach(), was)


def test_backward_twice_gives_the_same():
    given = stacks(3, 2, 2, 4)
    y, ladj = planar_stack(*given)
    first, second = (torch.autograd.grad(y.sum() + ladj.sum(), given, retain_graph=True) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def test_float32_is_float64_to_rounding():
    given = stacks(8, 2, 4, 6, scale=0.5)
    single = [each.detach().float().requires_grad_() for each in given]
    torch.testing.assert_close(
        [each.double() for each in gradients(planar_stack, *single)],
        list(gradients(planar_stack, *given)),
        rtol=1e-3,
        atol=1e-3,
    )


def test_the_parameters_are_those_before_the_correction():
    """Gradients are with respect to u as it is given, not to what makes it invertible."""
    x, u, w, b = stacks(3, 2, 2, 4, scale=2.0, seed=3)
    moved = invertible(u, w, dim=1).detach().requires_grad_()
    (of_given,) = torch.autograd.grad(planar_stack(x, u, w, b).y.sum(), u)
    (of_moved,) = torch.autograd.grad(planar_stack(x, moved, w, b).y.sum(), moved)
    corrected = ((u * w).sum(1, keepdim=True) < -1).expand_as(u)
    torch.testing.assert_close(of_given[~corrected], of_moved[~corrected])
    assert not torch.isclose(of_given[corrected], of_moved[corrected]).any()


def test_the_cost_is_linear_in_d_and_in_k():
    def cost(k, d):
        x, *parameters = stacks(k, d, 2, 3)
        with Counting() as counted:
            y, ladj = planar_stack(x, *parameters)
            (y.sum() + ladj.sum()).backward()
        assert counted.largest <= (k + 1) * d * 2 * 3  # the points before and after each map
        return counted.elements

    small, middle, large = (cost(3, d) for d in (20, 40, 60))
    assert large - middle == middle - small > 0
    small, middle, large = (cost(k, 20) for k in (3, 6, 9))
    assert large - middle == middle - small > 0
