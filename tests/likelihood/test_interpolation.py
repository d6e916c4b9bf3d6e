import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from regen.errors import InputError
from regen.likelihood.interpolation import (
    CLASSES,
    PAIRS,
    POINTS,
    angle,
    can_walk,
    firsts,
    largest_step,
    linear,
    spherical,
)
from vae.small import ignore_z, random_images, vae_of


def random_codes(count, latent, seed=0):
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(seed))


# ---- from one code to another ------------------------------------------------------------------------


@pytest.mark.parametrize("way", [linear, spherical])
@pytest.mark.parametrize("latent", [1, 2, 20])
@pytest.mark.parametrize("steps", [2, 3, 10])
def test_a_way_has_its_ends_exactly_and_is_the_same_backwards(way, latent, steps):
    for start, end in random_codes(40, latent).unflatten(0, (-1, 2)):
        codes = way(start, end, steps)
        assert codes.shape == (steps, latent)
        assert torch.equal(codes[0], start)
        assert torch.equal(codes[-1], end)
        torch.testing.assert_close(codes, way(end, start, steps).flip(0), rtol=1e-9, atol=1e-9)


def test_linear_steps_are_equal():
    start, end = random_codes(2, 5)
    torch.testing.assert_close(linear(start, end, 7).diff(dim=0), ((end - start) / 6).expand(6, 5))


@pytest.mark.parametrize("latent", [2, 20])
def test_an_arc_keeps_the_length_and_turns_equally(latent):
    for start, end in random_codes(40, latent).unflatten(0, (-1, 2)):
        codes = spherical(start, end * start.norm() / end.norm(), 6)
        torch.testing.assert_close(codes.norm(dim=-1), start.norm().expand(6), rtol=1e-9, atol=0)
        turns = [angle(one, other) for one, other in pairwise(codes)]
        torch.testing.assert_close(torch.stack(turns), angle(start, end).expand(5) / 5, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("factor", [1.0, 3.0, 1 + 1e-6, -1.0, -2.0])
def test_arcs_between_parallel_and_opposite_codes_are_lines(factor):
    (start,) = random_codes(1, 5)
    torch.testing.assert_close(spherical(start, factor * start, 9), linear(start, factor * start, 9))


@pytest.mark.parametrize("turn", [0.0, 1e-7, 1e-3, 1.0, math.pi - 1e-2, math.pi])
def test_arcs_are_finite_at_every_angle(turn):
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([math.cos(turn), math.sin(turn)])
    torch.testing.assert_close(angle(start, end), torch.tensor(turn), rtol=0, atol=1e-12)
    assert spherical(start, end, 10).norm(dim=-1).max() < 1.001


def test_an_arc_from_the_origin_is_finite():
    assert spherical(torch.zeros(3), torch.ones(3), 5).isfinite().all()


# ---- the classes to walk between ---------------------------------------------------------------------


def test_the_first_images_of_each_class_as_many_of_each():
    labels = torch.tensor([8, 1, 2, 2, 8, 8, 2, 8])
    assert firsts(labels, [2, 8], 3).tolist() == [[2, 3, 6], [0, 4, 5]]
    assert firsts(labels, [8, 2], 2).tolist() == [[0, 4], [2, 3]]
    assert firsts(labels, [1, 8], 3).tolist() == [[1], [0]]


@pytest.mark.parametrize(("classes", "absent"), [([2, 8], 8), ([9, 1], 9), ([11, 12], 11)])
def test_classes_that_the_data_does_not_have(classes, absent):
    with pytest.raises(InputError) as caught:
        firsts(torch.tensor([3, 1, 2]), classes, 3)
    assert str(caught.value) == (
        f"params.yaml: figures.interpolation.classes: {classes}: no test image is of class {absent}; "
        "allowed: 1, 2, 3"
    )


# ---- how even the way is -----------------------------------------------------------------------------


class Drawn(nn.Module):
    """In a VAE's place: the code of an image is its first pixel, and `intensities` draws a code (..., 1)."""

    def __init__(self, intensities):
        super().__init__()
        self.intensities = intensities

    def centre(self, x):
        return x[:, :1]

    def decode(self, z):
        return self.intensities(z).logit()


def walked(intensities, ends=((0, 255),)):
    """Return the largest step of Drawn, between images whose first pixels are `ends`, pair by pair."""
    pixels = torch.tensor([[each, 7] for pair in ends for each in pair], dtype=torch.uint8)
    return largest_step(Drawn(intensities), pixels, torch.tensor(CLASSES * len(ends)))


def even(z):
    return torch.cat([0.1 + 0.8 * z, 0.7 - 0.3 * z, torch.full_like(z, 0.5)], -1)


def jump(z):
    return 0.1 + 0.8 * (z > 0.4).double()


def test_images_on_a_line_are_equally_far_apart():
    assert walked(even) == pytest.approx(1, abs=1e-9)


def test_a_single_jump_is_all_steps_in_one():
    assert walked(jump) == pytest.approx(POINTS - 1)


def test_the_step_is_the_root_of_the_mean_square():
    """z^2 along 0, 1/9, ... 1 in one pixel of two: the last step, (81 - 64) / 81, over 1 / 9."""
    found = walked(lambda z: torch.cat([0.1 + 0.8 * z**2, torch.full_like(z, 0.5)], -1))
    assert found == pytest.approx(9 * 17 / 81, rel=1e-9)


def test_the_median_walk_counts():
    """Of these three, two never reach the jump, but for what rises evenly beside it; one does."""
    ends = [(0, 90), (0, 255), (10, 60)]
    found = walked(lambda z: torch.cat([even(z), jump(z)], -1), ends)
    assert found == pytest.approx(1, abs=1e-9)
    assert walked(lambda z: torch.cat([even(z), jump(z)], -1), [ends[1]]) > 4


def test_only_the_first_pairs_are_walked():
    ends = [(0, 255)] * (PAIRS // 2) + [(0, 90)] * (PAIRS // 2 + 2)  # a jump in less than half of them
    assert walked(lambda z: torch.cat([even(z), jump(z)], -1), ends[:PAIRS]) > 2
    assert walked(lambda z: torch.cat([even(z), jump(z)], -1), ends[2:]) < 2


def test_where_nothing_changes_there_is_no_step():
    vae = vae_of()
    ignore_z(vae)
    assert math.isnan(largest_step(vae, random_images(40, 6), torch.arange(40) % 10))


@torch.no_grad()
def test_a_walk_against_one_point_after_another():
    vae = vae_of(latent=5, gain=3.0, encoder_gain=6.0, batch_norm=True).train()
    pixels, labels = random_images(10, 6), torch.arange(10)
    found = largest_step(vae, pixels, labels)
    start, end = vae.centre(pixels[[2, 8]] / 255)
    shown = [vae.decode((1 - i / 9) * start + i / 9 * end).sigmoid() for i in range(10)]
    steps = [(one - other).square().mean().sqrt().item() for one, other in pairwise(shown)]
    assert found == pytest.approx(max(steps) / (sum(steps) / 9), rel=1e-9)
    assert 1 < found < 9


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(None, False), ([0, 1, 2], False), ([8, 8], False), ([2, 8], True), ([9, 8, 2], True)],
)
def test_a_walk_needs_both_classes(labels, expected):
    assert can_walk(labels if labels is None else torch.tensor(labels)) == expected
