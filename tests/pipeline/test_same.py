"""The same numbers on every processor, as far as one can play others."""

from dataclasses import replace

import pytest

from pipeline.clones import make_clone
from pipeline.same import AVX2, difference, differences, reports

pytestmark = pytest.mark.slow


def test_another_processor_more_threads_and_plain_dvc_leave_the_same_bytes(reproduced, tmp_path):
    """Weights too, and all that dvc.lock says but of how long things took."""
    other = make_clone(tmp_path)
    other = replace(other, env=other.env | AVX2 | {"OMP_NUM_THREADS": "2", "REGEN_THREADS": "2"})
    other.dvc("repro", "train_vae@small", "train_gan@tiny_gan")
    other.regen("run")
    there = reports(other)
    here = reports(reproduced)
    assert len(here) > 50
    assert differences(here, there) == {}
    for run in ("tiny_gan", "small", "l100", "realnvp_mnist"):
        name = f"models/{run}/weights/seed-1.safetensors"
        assert (other.root / name).read_bytes() == (reproduced.root / name).read_bytes(), run
    assert set(untimed_lock(other)) ^ set(untimed_lock(reproduced)) == set()


UNLIKE = ("models/timings", "reports/timings.", "reports/index.html", "models/fidelity/")
"""What tells of times, and features of images, whose last bits depend on the threads on some processors."""


def untimed_lock(clone):
    """Return dvc.lock, the entries of files that are UNLIKE left out."""
    lines = (clone.root / "dvc.lock").read_text().split("- path: ")
    return [entry for entry in lines if not entry.startswith(UNLIKE)]


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (b"a,1.5\n", b"a,1.5\n", ""),
        (b"a,1.5\n", b"a,1.2\n", "2.0e-01"),
        (b"a,1.5\n", b"b,1.5\n", "other words"),
        (b"\xff\xfe", b"\xff", "other bytes (2 and 1)"),
    ],
)
def test_differences_are_said(one, other, said):
    assert difference(one, other) == said


def test_a_file_that_only_one_run_left_is_a_difference():
    assert differences({"a": b"1", "b": b"2"}, {"a": b"1"}) == {"b": "in one of the two only"}
