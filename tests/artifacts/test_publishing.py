"""Files appear whole or not at all."""

import os
import stat
import threading
from pathlib import Path

import pytest
import torch

from artifacts.small import names
from regen.artifacts import (
    atomic_path,
    read_tensors,
    write_tensors,
    write_text,
)


def test_a_file_appears_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b" / "page.md", "naïve\n")
    assert (tmp_path / "a" / "b" / "page.md").read_bytes() == "naïve\n".encode()
    assert names(tmp_path / "a" / "b") == ["page.md"]


def publish_half_and_fail(path):
    with atomic_path(path) as part:
        part.write_text("half of the n")
        raise KeyboardInterrupt


@pytest.mark.parametrize("there", [True, False])
def test_an_exception_in_the_middle_leaves_what_was_there(tmp_path, there):
    path = tmp_path / "page.md"
    if there:
        write_text(path, "old")
    with pytest.raises(KeyboardInterrupt):
        publish_half_and_fail(path)
    assert names(tmp_path) == (["page.md"] if there else [])
    assert not there or path.read_text() == "old"


def test_until_it_is_whole_the_old_file_stays(tmp_path):
    path = tmp_path / "page.md"
    write_text(path, "old")
    with atomic_path(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.parent == path.parent  # a rename across file systems would be a copy
    assert path.read_text() == "new"


def test_what_is_published_was_synced_before(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(os, "fsync", lambda _: steps.append("sync"))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda *args: (steps.append("rename"), replace(*args))[1])
    write_text(tmp_path / "page.md", "new")
    assert steps == ["sync", "rename"]


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "weights.safetensors"
    values = [torch.full((50_000,), float(value)) for value in range(2)]
    write_tensors(path, {"w": values[0]})
    done, seen = threading.Event(), set()

    def read():
        while not done.is_set():
            tensors, _ = read_tensors(path)
            seen.update(tensors["w"].unique().tolist() if len(tensors["w"].unique()) == 1 else ["mixed"])

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(40):
        write_tensors(path, {"w": values[turn % 2]})
    done.set()
    for reader in readers:
        reader.join()
    assert seen <= {0.0, 1.0}
    assert seen


def test_writers_at_once_leave_one_of_their_files(tmp_path):
    path = tmp_path / "page.md"
    texts = [letter * 100_000 for letter in "abcd"]
    writers = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in texts
    assert names(tmp_path) == ["page.md"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "page.md", "text")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page.md").stat().st_mode) == mode
