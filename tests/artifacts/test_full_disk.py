"""A disk that is full and a folder that refuses: one line, the old file stays, no part is left."""

import errno
import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from regen.artifacts import atomic_path, read_tensors, write_csv, write_tensors, write_text
from regen.errors import RunError

OLD = {"w": torch.arange(3.0)}
SIZE = 300_000
"""Bytes of the files that do not fit, or somewhat more."""
NOBODY = 65534

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@contextmanager
def largest_file(size):
    """Have the system refuse to make files larger than `size` bytes, as a full disk refuses (EFBIG)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def tensors(path):
    write_tensors(path, {"w": torch.zeros(SIZE // 4)})


def table(path):
    write_csv(path, pd.DataFrame({"x": range(SIZE // 4)}))


def text(path):
    write_text(path, "x" * SIZE)


def pickled(path):  # torch.save tells by a RuntimeError without the system's number
    with atomic_path(path) as part:
        torch.save({"w": torch.zeros(SIZE // 4)}, part)


def animation(path):
    noise = torch.randint(
        256, (SIZE // 200, 200), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    with atomic_path(path) as part:
        Image.fromarray(noise.numpy()).save(part, "GIF")


WRITERS = {write.__name__: write for write in (tensors, table, text, pickled, animation)}


def assert_only_the_old_file(folder):
    assert [path.name for path in folder.iterdir()] == ["w.safetensors"]
    assert torch.equal(read_tensors(folder / "w.safetensors")[0]["w"], OLD["w"])


@pytest.fixture
def path(tmp_path):
    """Path of a file that is there already."""
    write_tensors(tmp_path / "w.safetensors", OLD)
    return tmp_path / "w.safetensors"


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_file_that_outgrows_the_limit(path, write):
    with largest_file(SIZE // 3), pytest.raises(RunError) as caught:
        write(path)
    assert str(caught.value) == f"{path}: not written: {os.strerror(errno.EFBIG)}"
    assert caught.value.exit_code == 1
    assert_only_the_old_file(path.parent)


FILL = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from artifacts.test_full_disk import OLD, WRITERS, assert_only_the_old_file
from regen import stage
from regen.artifacts import write_tensors

def fill(kind: str, path: Path) -> None:
    write_tensors(path, OLD)
    try:
        WRITERS[kind](path)
    finally:
        assert_only_the_old_file(path.parent)

path = sys.argv[2]
for kind in WRITERS:
    if not os.fork():  # a stage for each, without the seconds that a start takes
        sys.argv[1:] = kind, path
        stage.run(fill)
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
MOUNT = 'mount -t tmpfs -o size=128k regen "$0" && exec "$@"'


@linux
def test_a_disk_that_is_full(tmp_path):
    """A file system of 128 KiB in a name space of its own."""
    private = ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", MOUNT, str(tmp_path)]
    try:
        subprocess.run([*private, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine lets no one mount a file system of his own")
    path = tmp_path / "w.safetensors"
    command = [sys.executable, "-c", FILL, str(Path(__file__).parents[1]), str(path)]
    done = subprocess.run([*private, *command], capture_output=True, text=True)
    assert done.stderr == len(WRITERS) * f"{path}: not written: {os.strerror(errno.ENOSPC)}\n"
    assert done.stdout == len(WRITERS) * "1\n"


def test_a_disk_that_is_full_when_it_is_synced(path, monkeypatch):
    """As network file systems tell it."""

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RunError) as caught:
        write_text(path, "new")
    monkeypatch.undo()
    assert str(caught.value) == f"{path}: not written: {os.strerror(errno.ENOSPC)}"
    assert_only_the_old_file(path.parent)


def test_other_errors_of_the_block_stay_what_they_are(path):
    for error in (RuntimeError("sizes do not match"), FileNotFoundError(errno.ENOENT, "none", "input")):
        with pytest.raises(type(error)) as caught, atomic_path(path):
            raise error
        assert caught.value is error
        assert_only_the_old_file(path.parent)


def test_a_folder_in_the_place_of_the_file(tmp_path):
    (tmp_path / "page.md" / "in").mkdir(parents=True)
    with pytest.raises(RunError, match=rf"^{tmp_path}/page\.md: not written: Is a directory$"):
        write_text(tmp_path / "page.md", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


# ---- folders ---------------------------------------------------------------------------------------------


@contextmanager
def no_superuser():
    """Give up the superuser's rights for a while: no permission binds them."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("inside", ["", "new/folder"])
def test_a_read_only_folder_is_named(tmp_path, inside):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o555)
    folder = locked / inside
    with no_superuser(), pytest.raises(RunError) as caught:
        write_text(folder / "page.md", "new")
    assert str(caught.value) == f"{folder}: folder is not writable: {os.strerror(errno.EACCES)}"
    assert list(locked.iterdir()) == []


@pytest.mark.parametrize("inside", ["", "below"])
def test_a_file_in_the_place_of_a_folder_is_named(tmp_path, inside):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match=r"/file.*: folder is not writable: (Not a directory|File exists)$"):
        write_text(tmp_path / "file" / inside / "page.md", "new")
    assert (tmp_path / "file").read_text() == "in the way"
