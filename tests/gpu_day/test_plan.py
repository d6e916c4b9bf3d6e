"""What is begun in the time that is left, and how many slices a day takes."""

import pytest

from benchmarks.gpu_day.plan import START, Times, fits, length_in_steps, row_name, slices, steps_of
from benchmarks.gpu_day.profile import PAPER, read_profile
from gpu_day.small import RUN, STEPS, tiny_day

PAPER_DAY = read_profile(PAPER)
EVALUATION = 4.0
STEPS_PER_SECOND = 400.0


def times(rate=STEPS_PER_SECOND, profile=PAPER_DAY):
    table = {row_name(run, "tf32", True): {"steps_per_second": rate} for run in profile.day.runs}
    return Times(profile, {"table": table | {"evaluation": {"seconds": EVALUATION}}, "steps": {}})


def training(run="cifar10_w1_3"):
    return next(step for step in steps_of(PAPER_DAY) if step.name == f"train_gan@{run}")


def test_each_step_comes_after_what_it_needs_and_runs_in_order_of_worth():
    seen = set()
    for step in steps_of(PAPER_DAY):
        assert seen.issuperset(step.needs)
        assert step.name not in seen
        seen.add(step.name)
    trained = [step.item for step in steps_of(PAPER_DAY) if step.is_training]
    assert trained == PAPER_DAY.day.runs
    assert {step.item for step in steps_of(PAPER_DAY) if step.optional} == {"imagenette", "vu_dcgan"}


def test_a_training_takes_its_steps_and_its_evaluations():
    whole = times().training("cifar10_w1_3", 0)
    assert whole == pytest.approx(START + 100_000 / STEPS_PER_SECOND + 50 * EVALUATION)
    half = times().training("cifar10_w1_3", 50_000)
    assert half - START == pytest.approx((whole - START) / 2)
    assert Times(PAPER_DAY, {"table": {}, "steps": {}}).training("cifar10_w1_3", 0) is None


def test_a_run_in_epochs_is_counted_in_steps():
    assert length_in_steps(PAPER_DAY.params.gan["uva_gan"]) == (200 * (55_000 // 64), 20 * (55_000 // 64))


@pytest.mark.parametrize(
    ("seconds", "left", "fresh", "begun"),
    [
        (300, 400, False, True),  # it will end
        (400, 300, False, False),  # it would not
        (400, 390, True, True),  # no slice has more time left
        (400, 20, True, False),  # but this one does not reach its first checkpoint
        (2000, 300, False, True),  # longer than a slice
        (2000, 20, False, False),
        (None, 300, False, True),
        (None, 1, False, False),
    ],
)
def test_a_training_is_begun_if_it_will_end_or_no_slice_is_long_enough(seconds, left, fresh, begun):
    assert fits(times(), training(), seconds, left, 575.0, fresh) == begun


def test_other_steps_are_begun_only_if_they_will_end():
    step = steps_of(PAPER_DAY)[0]
    assert fits(times(), step, 10, 11, 575.0, False)
    assert not fits(times(), step, 12, 11, 575.0, True)


def test_slices_too_short_for_a_checkpoint_by_the_estimates_try_all_the_same():
    assert fits(times(), training(), 400, 20, 25.0, True)
    assert not fits(times(), training(), 400, 20, 25.0, False)


@pytest.mark.parametrize(
    ("seconds", "count"),
    [([], 0), ([50], 1), ([50, 50], 1), ([60, 60], 2), ([60, 60, 40, 40], 2), ([250], 3)],
)
def test_slices_are_filled(seconds, count):
    assert slices(seconds, 100) == count


def test_a_profile_is_of_the_runs_of_its_settings(tmp_path):
    profile = read_profile(tiny_day(tmp_path / "day"))
    assert [step.name for step in steps_of(profile)] == [
        "fetch_data@digits_color",
        "train_classifier@digits_color",
        "measure_reference@digits_color",
        f"train_gan@{RUN}",
        f"score_samples@{RUN}",
    ]
    assert length_in_steps(profile.params.gan[RUN]) == (STEPS, STEPS // 6)
