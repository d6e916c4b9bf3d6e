"""Files in numbered parts."""

from pathlib import Path

import pytest
import torch

from benchmarks.gpu_day import parts
from regen.errors import InputError

SIZE = 20_000


@pytest.fixture
def packed(tmp_path):
    """Return a folder of parts, what is said of them, and the files that they hold."""
    root = tmp_path / "here"
    content = {Path("models/a/weights.bin"): noise(70_000), Path("b.csv"): b"step\n1\n", Path("empty"): b""}
    for path, data in content.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    folder = tmp_path / "parts"
    return folder, parts.pack(folder, "run-1", root, content, SIZE), content


def noise(count):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count,), dtype=torch.uint8, generator=generator).numpy().tobytes()


def test_parts_are_numbered_and_no_larger_than_allowed(packed):
    folder, told, _ = packed
    assert len(told) > 3
    assert [part["name"] for part in told] == [f"run-1.{i:03}" for i in range(1, len(told) + 1)]
    assert [(folder / part["name"]).stat().st_size for part in told] == [part["bytes"] for part in told]
    assert max(part["bytes"] for part in told) <= SIZE < sum(part["bytes"] for part in told)
    assert {path.name for path in folder.iterdir()} == {part["name"] for part in told}


def test_put_together_elsewhere_they_are_the_files(packed, tmp_path):
    folder, told, content = packed
    assert parts.unpack(folder, told, tmp_path / "there") == sorted(content)
    assert {path: (tmp_path / "there" / path).read_bytes() for path in content} == content
    assert len([path for path in (tmp_path / "there").rglob("*") if path.is_file()]) == len(content)


def test_equal_files_give_equal_parts(packed, tmp_path):
    folder, told, content = packed
    root = tmp_path / "there"
    parts.unpack(folder, told, root)
    assert parts.pack(tmp_path / "again", "run-1", root, reversed(list(content)), SIZE) == told


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:-1] + b"?", lambda _: b""])
def test_a_damaged_part_is_refused_before_anything_is_written(packed, tmp_path, damage):
    folder, told, _ = packed
    path = folder / told[1]["name"]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError) as caught:
        parts.unpack(folder, told, tmp_path / "there")
    assert str(caught.value).startswith(f"{path}: damaged: ")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "there").exists()


def test_a_part_that_is_not_there_is_named(packed, tmp_path):
    folder, told, _ = packed
    (folder / told[2]["name"]).unlink()
    assert parts.missing(folder, told) == ["run-1.003"]
    parts.check(folder, told)  # of those that are there
    with pytest.raises(InputError, match=r"run-1\.003: not there"):
        parts.unpack(folder, told, tmp_path / "there")
