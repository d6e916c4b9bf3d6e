"""The same numbers on every processor, as far as one can play others."""

import pytest

from pipeline.clones import make_clone
from pipeline.same import AVX2, difference, differences, reproduce

pytestmark = pytest.mark.slow

TRACKED = ("ls-files", "-z", "--cached", "reports")


def test_another_processor_and_more_threads_leave_the_same_bytes(reproduced, tmp_path):
    """Weights too, also of GANs and planar posteriors, which magnify any difference most."""
    other = make_clone(tmp_path)
    there = reproduce(other, AVX2 | {"OMP_NUM_THREADS": "2"})
    listed = reproduced.git(*TRACKED).split("\0")
    here = {name: (reproduced.root / name).read_bytes() for name in filter(None, listed)}
    assert len(here) > 50
    assert differences(here, there) == {}
    for run in ("tiny_gan", "small", "l100", "realnvp_mnist"):
        name = f"models/{run}/weights/seed-1.safetensors"
        assert (other.root / name).read_bytes() == (reproduced.root / name).read_bytes(), run


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
