"""Corruptions: what each does to images, and that scores are those of the images that it gives."""

from itertools import pairwise

import pytest
import torch

from fidelity.small import labelled, random_images, scorer_of
from fidelity.test_fidelity_scores import torch_fidelity
from regen.artifacts.datasets import Images
from regen.corruptions import KINDS, Pool, blurred, measure, mixed, noisy, partners, without
from regen.errors import InputError
from regen.params import Corruptions

STRENGTHS = Corruptions(blur=[0.5, 1.5], noise=[20, 60], mixing=[0.2, 0.5], missing=[2, 7], images=60)
CASES = [(kind, strength) for kind in KINDS for strength in getattr(STRENGTHS, kind)]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pool_of(count=200, corrupted=60, shape=(1, 12, 12), seed=3):
    return Pool.of(labelled(random_images(count, shape, seed=5)), corrupted, seed)


def total_variation(pixels):
    """Return the mean absolute difference of neighbouring pixels."""
    x = pixels.double()
    return float(x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean())


# ---- each of them ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 9, 10)])
def test_strength_0_leaves_images_as_they_are(kind, shape):
    pool = pool_of(shape=shape)
    torch.testing.assert_close(pool.corrupted(kind, 0), pool.chosen.pixels, rtol=0, atol=0)


@pytest.mark.parametrize(("kind", "strength"), CASES)
@pytest.mark.parametrize("shape", [(1, 12, 12), (3, 9, 10)])
def test_number_shape_and_type_stay_and_the_images_do_not(kind, strength, shape):
    pool = pool_of(shape=shape)
    images = pool.corrupted(kind, strength)
    assert (images.shape, images.dtype) == ((60, *shape), torch.uint8)
    assert (images != pool.chosen.pixels).any()


@pytest.mark.parametrize(("kind", "strength"), CASES)
def test_the_same_seed_gives_the_same_bytes_whatever_the_global_state(kind, strength):
    found = set()
    for state in (1, 2):
        torch.manual_seed(state)
        found.add(pool_of().corrupted(kind, strength).numpy().tobytes())
    assert len(found) == 1
    assert pool_of(seed=4).corrupted(kind, strength).numpy().tobytes() not in found


@pytest.mark.parametrize(("kind", "strength"), CASES)
def test_the_precision_of_the_run_changes_no_byte(kind, strength):
    pool, default = pool_of(), torch.get_default_dtype()
    found = []
    try:
        for dtype in (torch.float32, torch.float64):
            torch.set_default_dtype(dtype)
            found.append(pool.corrupted(kind, strength))
    finally:
        torch.set_default_dtype(default)
    assert torch.equal(*found)


def test_more_blur_varies_less_and_keeps_the_mean():
    images = random_images(50, (3, 16, 16), seed=2)
    variations = [total_variation(blurred(images, deviation)) for deviation in (0, 0.4, 0.8, 1.6, 3.2)]
    assert variations == sorted(variations, reverse=True)
    assert variations[-1] < variations[0] / 10
    assert blurred(images, 1.6).double().mean() == pytest.approx(images.double().mean().item(), rel=0.01)


def test_a_blurred_point_has_the_variance_of_the_gaussian():
    point = torch.zeros(1, 1, 41, 41, dtype=torch.uint8)
    point[..., 20, 20] = 255
    spread = blurred(point.expand(1, 2, -1, -1), 1.0)[0, 0].double()
    peak = 255 / (2 * torch.pi)  # of the density at its centre, times the point
    assert spread[20, 20] == pytest.approx(peak, abs=1)
    place = torch.arange(41.0) - 20
    for direction in (0, 1):
        weights = spread.sum(direction)
        assert (weights * place.square()).sum() / weights.sum() == pytest.approx(1, abs=0.1)


def test_an_even_image_stays_under_any_blur():
    even = torch.full((2, 3, 28, 28), 77, dtype=torch.uint8)
    for deviation in (0.3, 1, 8):
        assert torch.equal(blurred(even, deviation), even)


@pytest.mark.parametrize("deviation", [3, 12])
def test_noise_has_its_deviation_where_nothing_is_clipped(deviation):
    grey = torch.full((1300, 1, 8, 8), 128, dtype=torch.uint8)
    added = noisy(grey, deviation, generator()).double() - 128
    assert added.mean() == pytest.approx(0, abs=0.01 * deviation + 0.01)
    assert added.var() == pytest.approx(deviation**2 + 1 / 12, rel=0.02)  # that of rounding, too


def test_noise_grows_in_proportion_and_is_clipped():
    grey = torch.full((40, 1, 8, 8), 128, dtype=torch.uint8)
    one, ten, many = (noisy(grey, 6 * times, generator()).double() - 128 for times in (1, 2, 60))
    assert (2 * one - ten).abs().max() <= 1.5
    assert many.sign().eq(ten.sign())[ten.abs() > 2].all()
    assert (many.min(), many.max()) == (-128, 127)


def test_a_blend_lies_between_an_image_and_one_of_another_class():
    labels = torch.arange(60) % 3
    images = Images((labels * 100)[:, None, None, None].to(torch.uint8).expand(-1, 1, 2, 2), labels)
    other = partners(labels, generator())
    blend = mixed(images, 0.25, generator())[:, 0, 0, 0]
    assert blend.tolist() == (75 * labels + 25 * labels[other]).tolist()


def test_images_of_one_class_have_no_partners():
    with pytest.raises(InputError, match=r"^params\.yaml: corruptions\.images: .* of one class"):
        partners(torch.full((3,), 2), torch.Generator())


def test_partners_are_of_any_other_class_and_all_are_as_likely():
    labels = torch.tensor([2, 0, 0, 2, 5, 0])
    drawn = torch.stack([partners(labels, generator(seed)) for seed in range(3000)])
    assert (labels[drawn] != labels).all()
    for row, label in enumerate(labels):
        shares = drawn[:, row].bincount(minlength=6) / len(drawn)
        torch.testing.assert_close(shares, (labels != label) / (labels != label).sum(), rtol=0, atol=0.04)


@pytest.mark.parametrize("absent", [[], [3], [0, 1, 2, 4, 5, 6, 7, 8]])
def test_missing_classes_are_absent_and_those_that_may_stay_do(absent):
    labels = torch.arange(90) % 10
    rows = without(labels, 50, torch.tensor(absent, dtype=torch.int64))
    assert len(rows) == 50
    assert not set(labels[rows].tolist()) & set(absent)
    stay = ~torch.isin(labels[:50], torch.tensor(absent, dtype=torch.int64))
    assert torch.equal(rows[:50][stay], torch.arange(50)[stay])


def test_no_image_is_taken_twice_before_all_that_are_left_were():
    labels = torch.arange(90) % 10
    rows = without(labels, 50, torch.tensor([3]))
    assert len(rows.unique()) == 50
    few = without(labels, 50, torch.arange(8))  # 18 are left, of which 10 stay
    assert sorted(few.bincount(minlength=90)[labels >= 8].unique().tolist()) == [2, 3]


def test_more_strength_leaves_out_the_same_classes_and_more():
    pool = pool_of()
    left = [set(pool.labels[without(pool.labels, 60, pool.classes[:k])].tolist()) for k in range(10)]
    assert [len(each) for each in left] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert all(more < fewer for fewer, more in pairwise(left))


# ---- all of them -----------------------------------------------------------------------------------------


def test_images_are_drawn_at_random_with_their_labels():
    images = Images(torch.arange(40)[:, None, None, None].to(torch.uint8), torch.arange(40) // 4)
    pool = Pool.of(images, 100, seed=1)
    shown = pool.chosen.pixels.flatten()
    assert sorted(shown.tolist()) == list(range(40))
    assert shown.tolist() != list(range(40))
    assert torch.equal(pool.chosen.labels, shown.long() // 4)


def test_examples_are_of_classes_from_the_first_left_out_to_the_last():
    pool = pool_of()
    classes = pool.chosen.labels[pool.examples]
    assert classes.tolist() == pool.classes[[0, 3, 6, 9]].tolist()
    two = Pool.of(Images(random_images(8), torch.tensor([7, 2] * 4)), 8, seed=1)
    assert two.chosen.labels[two.examples].tolist() == two.classes.tolist()


def test_a_row_a_strength_and_the_images_that_were_scored():
    pool, seen = pool_of(), []

    def score(images):
        seen.append(images)
        return {"frechet_distance": float(len(seen))}

    table, examples = measure(pool, STRENGTHS, score)
    assert table[["corruption", "strength"]].to_numpy().tolist() == [
        [kind, strength] for kind in KINDS for strength in (0, *getattr(STRENGTHS, kind))
    ]
    assert table["frechet_distance"].tolist() == [1, 2, 3, 1, 4, 5, 1, 6, 7, 1, 8, 9]
    assert list(examples) == list(KINDS)
    for i, images in enumerate(examples.values()):
        assert torch.equal(images, torch.stack([seen[j][pool.examples] for j in (0, 2 * i + 1, 2 * i + 2)]))


def test_distances_are_torch_fidelity_s(tmp_path):
    path = tmp_path / "classifier.safetensors"
    pool, scorer = pool_of(), scorer_of(path)
    table, _ = measure(pool, STRENGTHS, lambda images: scorer(images, full=False))
    for kind, strength in [("blur", 0), *CASES[1::2]]:
        expected = torch_fidelity(pool.corrupted(kind, strength), random_images(80, seed=1), path)
        (row,) = table[(table["corruption"] == kind) & (table["strength"] == strength)].to_dict("records")
        assert row["frechet_distance"] == pytest.approx(expected["frechet_inception_distance"], rel=1e-9)
        assert row["inception_score"] == pytest.approx(expected["inception_score_mean"], rel=1e-9)
    assert table["samples"].tolist() == [60] * 12
