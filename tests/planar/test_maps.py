import math

import pytest
import torch

from regen.bijections import Planar
from regen.planar.maps import FEW, MOST, POINTS, SETTINGS, UNCHANGED, Mapping, map_points, table

DRAWN = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def mapping(u, w, b, before=DRAWN):
    planar = Planar(*(torch.tensor(each, dtype=torch.float64) for each in (u, w, b)))
    return Mapping(1.0, 2.0, planar, before, planar.forward(before).y)


@pytest.mark.parametrize(
    ("u", "w", "b", "verdict"),
    [
        ((0.0, 0.0), (5.0, 5.0), 0.0, "unchanged"),
        ((0.05, 0.05), (500.0, 0.0), 100.0, "unchanged"),
        ((5.0, 5.0), (0.0, 0.0), 0.0, "unchanged"),  # tanh(0): nothing moves
        ((10.0, 10.0), (500.0, 500.0), 0.0, "two groups"),
        ((10.0, 10.0), (500.0, 0.0), 300.0, "two groups"),  # z0 = -0.6 between them
        ((0.2, 0.0), (500.0, 0.0), 0.0, "two groups"),
        ((10.0, 10.0), (1.0, 1.0), 100.0, "one group"),
        ((10.0, 10.0), (1.0, 1.0), -100.0, "one group"),
        ((10.0, 10.0), (500.0, 0.0), 2000.0, "one group"),
        ((1.0, 1.0), (1.0, 1.0), 0.0, "bent"),
        ((10.0, 10.0), (0.1, 0.0), 1.0, "bent"),
        ((-2.0, 0.0), (2.0, 0.0), 0.0, "bent"),
    ],
)
def test_what_a_map_does_to_normal_samples(u, w, b, verdict):
    assert mapping(u, w, b).verdict == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(0.99, "unchanged"), (1.01, "two groups")])
def test_moves_too_small_to_see(factor, verdict):
    u = factor * UNCHANGED / math.sqrt(2)
    assert mapping((u, u), (500.0, 500.0), 0.0).verdict == verdict


def test_the_smaller_group_is_the_share_on_the_other_side():
    before = torch.tensor([[-1.0, 9.0], [2.0, -9.0], [3.0, 0.0], [4.0, 1.0]], dtype=torch.float64)
    for sign in (1.0, -1.0):
        split = mapping((sign * 10.0, 0.0), (sign * 50.0, 0.0), 0.0, before)
        assert split.smaller_group == 0.25
        torch.testing.assert_close(split.h, sign * torch.tensor([-1.0, 1, 1, 1], dtype=torch.float64))
        assert split.verdict == "two groups"
    assert mapping((10.0, 0.0), (1.0, 0.0), 50.0, before).smaller_group == 0


@pytest.mark.parametrize(
    ("others", "verdict"),
    [(0, "one group"), (round(1000 * FEW) - 1, "one group"), (round(1000 * FEW), "two groups")],
)
def test_what_is_few_is_no_group(others, verdict):
    before = torch.ones(1000, 2, dtype=torch.float64)
    before[:others] = -1
    assert mapping((10.0, 0.0), (50.0, 0.0), 0.0, before).verdict == verdict


@pytest.mark.parametrize(
    ("between", "verdict"),
    [(0, "two groups"), (round(1000 * (1 - MOST)), "two groups"), (round(1000 * (1 - MOST)) + 1, "bent")],
)
def test_groups_where_most_points_are_saturated(between, verdict):
    before = torch.ones(1000, 2, dtype=torch.float64)
    before[:500] = -1
    before[:between] = 0
    assert mapping((10.0, 0.0), (50.0, 0.0), 0.01, before).verdict == verdict


def test_what_moves_in_groups_moves_by_u():
    split = mapping((10.0, 20.0), (500.0, 500.0), 0.0)
    moved = (split.after - split.before).abs()
    assert (moved.round() == torch.tensor([10.0, 20.0])).double().mean() > 0.98


def test_the_report_s_settings():
    assert SETTINGS[0] == (0.0, 0.01, 0.0)
    assert len(SETTINGS) == len(set(SETTINGS)) == 10
    assert {b for *_, b in SETTINGS} == {0.0, 10.0, 100.0}


def test_every_setting_moves_the_same_points():
    mappings = map_points(seed=1)
    assert [(each.mean, each.variance, float(each.map.b)) for each in mappings] == SETTINGS
    for each in mappings:
        assert each.before.shape == each.after.shape == (POINTS, 2)
        assert torch.equal(each.before, mappings[0].before)
        torch.testing.assert_close(each.map.forward(each.before).y, each.after)
    assert len({float(each.map.u[0]) for each in mappings}) == 10


def test_u_and_w_are_drawn_with_the_mean_and_variance():
    drawn = [torch.stack([each.map.u, each.map.w]) for seed in range(200) for each in map_points(seed)]
    for i, (mean, variance, _) in enumerate(SETTINGS):
        values = torch.stack(drawn[i :: len(SETTINGS)])
        deviation = variance**0.5
        assert float(values.mean()) == pytest.approx(mean, abs=4 * deviation / 800**0.5)
        assert float(values.std()) == pytest.approx(deviation, rel=0.1)
    before = map_points(0)[0].before
    assert float(before.mean()) == pytest.approx(0, abs=4 / 2000**0.5)
    assert float(before.std()) == pytest.approx(1, rel=0.1)


def test_the_seed_decides():
    one, again, other = map_points(1), map_points(1), map_points(2)
    for i in range(len(SETTINGS)):
        assert torch.equal(one[i].after, again[i].after)
        assert not torch.isclose(one[i].after, other[i].after).all()


def test_the_table():
    up, corrected = mapping((3.0, 4.0), (50.0, 0.0), 0.0), mapping((-3.0, 4.0), (50.0, 0.0), 1e9)
    rows = table([up, corrected])
    assert rows["u_corrected"].tolist() == [False, True]
    assert rows["verdict"].tolist() == ["two groups", "one group"]
    assert rows[["mean", "variance"]].to_numpy().tolist() == [[1.0, 2.0], [1.0, 2.0]]
    assert rows["b"].tolist() == [0.0, 1e9]
    assert rows["smaller_group"].tolist() == [up.smaller_group, 0.0]
    # the second map's u becomes ((w.u' = -1) / 50, 4)
    assert rows["largest_move"].tolist() == pytest.approx([5.0, math.hypot(0.02, 4)])


def test_the_table_of_all_settings():
    mappings = map_points(1)
    rows = table(mappings)
    assert rows["verdict"].tolist() == [each.verdict for each in mappings]
    assert rows.notna().all(axis=None)
    assert set(rows["verdict"]) <= {"unchanged", "two groups", "one group", "bent"}
