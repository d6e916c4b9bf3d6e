"""Shapes that make no map are refused in words."""

import pytest
import torch
from torch import nn

from bijections.small import D, coupling_of, normal, planar_of
from regen.bijections import AffineCoupling, Planar


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
