import numpy as np
import pytest

from regen.data.readers import read_amat, read_idx
from regen.errors import InputError


@pytest.mark.parametrize("shape", [(7,), (5, 3, 2), (300, 2)])
def test_idx_round_trip(tmp_path, idx, shape):
    array = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    path = tmp_path / "some-idx"
    path.write_bytes(idx(array))
    assert np.array_equal(read_idx(path), array)
    assert read_idx(path).dtype == np.uint8


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "promises (5, 3), 14 bytes follow"),
        (lambda data: data + b"?", "promises (5, 3), 16 bytes follow"),
        (lambda data: data[:9], "not an idx file"),
        (lambda data: data[:3], "not an idx file"),
        (lambda _: b"", "not an idx file"),
        (lambda data: b"<html" + data, "not an idx file"),
        (lambda data: data[:2] + b"\x0d" + data[3:], "not an idx file"),  # floats
        (lambda data: data[:3] + b"\x00", "not an idx file"),  # no dimensions
        (lambda data: data[:3] + b"\x03" + b"\xff" * 12, "promises (4294967295,"),
    ],
)
def test_damaged_idx_files_are_named(tmp_path, idx, damage, message):
    path = tmp_path / "some-idx"
    path.write_bytes(damage(idx(np.ones((5, 3)))))
    with pytest.raises(InputError) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_amat_agrees_with_loadtxt(tmp_path, amat):
    path = tmp_path / "some.amat"
    path.write_bytes(amat(np.random.default_rng(2).integers(0, 2, (20, 12))))
    assert np.array_equal(read_amat(path, 12), np.loadtxt(path))
    assert read_amat(path, 12).dtype == np.uint8


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-1], "47 bytes are not lines of 4 digits"),
        (lambda _: b"", "0 bytes are not lines"),
        (lambda data: data[:16] + b"2" + data[17:], "no 0 or 1 at line 3, digit 1"),
        (lambda data: data[:13] + b"\n" + data[14:], "no 0 or 1 at line 2, digit 3"),
        (lambda data: data[:15] + b" " + data[16:], "no 0 or 1 at line 2, digit 4"),
        (lambda data: b" " + data[:-1], "no 0 or 1 at line 1, digit 1"),
        (lambda data: data[:22] + b"\xff" + data[23:], "no 0 or 1 at line 3, digit 4"),
    ],
)
def test_damaged_amat_files_are_named(tmp_path, amat, damage, message):
    path = tmp_path / "some.amat"
    path.write_bytes(damage(amat(np.tile([0, 1], (6, 2)))))
    with pytest.raises(InputError) as caught:
        read_amat(path, 4)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_an_amat_file_of_another_width_is_refused(tmp_path, amat):
    path = tmp_path / "some.amat"
    path.write_bytes(amat(np.ones((6, 4), int)))
    with pytest.raises(InputError, match="no 0 or 1 at line 1, digit 4"):
        read_amat(path, 8)
