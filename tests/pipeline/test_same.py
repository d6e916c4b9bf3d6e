"""How `make same` compares two runs; that they are the same, test_cluster.py finds."""

import pytest

from pipeline.same import difference, differences


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
