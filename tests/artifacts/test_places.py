"""What cannot be read is named, and no two artifacts lie in one place."""

from itertools import product
from pathlib import Path
from types import FunctionType

import pytest

from artifacts.small import TENSORS
from regen.artifacts import (
    paths,
    read_csv,
    read_metrics,
    read_snapshots,
    read_tensors,
    write_tensors,
)
from regen.errors import InputError

READERS = [read_tensors, read_snapshots, read_metrics, read_csv]


CONTENTS = {
    "none": None,
    "empty": b"",
    "binary": b"\xff\xfe\x00 no text, and no tensors either \x80",
    "cut": b'{"loss": 1.',  # to read_csv, this is the heading of an empty table
}


@pytest.mark.parametrize(
    ("read", "content"),
    [(read, content) for read in READERS for content in CONTENTS if (read, content) != (read_csv, "cut")],
)
def test_what_cannot_be_read_is_named_in_one_line(tmp_path, read, content):
    path = tmp_path / "file"
    if CONTENTS[content] is not None:
        path.write_bytes(CONTENTS[content])
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "run the stage that makes" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", READERS)
def test_a_folder_in_the_place_of_a_file(tmp_path, read):
    with pytest.raises(InputError, match="run the stage that makes"):
        read(tmp_path)


def test_a_tensor_file_that_was_cut(tmp_path):
    path = tmp_path / "t.safetensors"
    write_tensors(path, TENSORS)
    whole = path.read_bytes()
    for length in (4, 8, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"t\.safetensors: not a readable safetensors file"):
            read_tensors(path)


def test_no_two_artifacts_lie_in_one_place():
    """Whatever their names, runs and numbers are."""
    constants = [
        place for place in vars(paths).values() if isinstance(place, Path) and place != paths.REPORTS
    ]
    functions = [
        function
        for name, function in vars(paths).items()
        if isinstance(function, FunctionType) and function.__annotations__["return"] == "Path"
        if name not in ("cache_dir", "checkpoints_dir")
    ]
    places = constants + [place for function in functions for place in {*made_by(function)}]
    assert len(places) > 50
    assert len(set(places)) == len(places)
    assert not any(place.is_absolute() for place in places)
    assert {place.parts[0] for place in places} == {"data", "models", "reports"}


def made_by(function):
    """Yield the paths that a function makes of two names, and of numbers that begin alike."""
    kinds = [kind for name, kind in function.__annotations__.items() if name != "return"]
    for given in product(*({"str": ("x", "y"), "int": (1, 11, 2)}[kind] for kind in kinds)):
        yield function(*given)
