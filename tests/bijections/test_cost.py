"""Maps cost no more than is linear in dimensions and maps, counted in numbers."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import nn

from bijections.small import normal, planar_of
from planar.counting import Counting
from regen.bijections import AffineCoupling, Composition, Logit


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
