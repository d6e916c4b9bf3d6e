"""Disks that are full, and caches that are corrupt or not for writing, each time the real thing."""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pipeline.toy import JOURNAL, is_finished

pytestmark = pytest.mark.slow


def assert_recorded_without_running(target, toy):
    """The rest runs; `target` would fail."""
    toy.trouble(target, "half")
    toy.regen("run")
    toy.cure()
    assert is_finished(toy)


def cached(toy, name):
    """Return the file of DVC's cache that holds an output."""
    found = re.search(rf"path: {name}\n\s+hash: md5\n\s+md5: (\w+)", toy.text("dvc.lock"))[1]
    return toy.root / ".dvc/cache/files/md5" / found[:2] / found[2:]


@pytest.mark.parametrize(("mode", "name"), [(0o444, "left.txt"), (0o644, "last-left.txt")])
def test_a_corrupt_file_in_the_cache_is_noticed_and_made_again(toy, mode, name):
    toy.regen("run")
    file = cached(toy, name)
    content = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(b"x" * len(content))
    file.chmod(mode)
    (toy.root / name).unlink()
    assert "stages: 1 ran" in toy.regen("run").stdout
    assert file.read_bytes() == content
    assert is_finished(toy)


def test_a_disk_that_is_full_while_a_stage_is_noted_fails_the_stage(toy):
    checkpoint = toy.checkpoint("first.txt")
    engine = toy.begin_and_stop_at("first.txt")
    (toy.root / JOURNAL).symlink_to("/dev/full")
    toy.cure()
    out, _ = toy.end(engine, 1)
    assert "FAILED first: exit code 1: [Errno 28] No space left on device" in out
    assert checkpoint.exists()
    (toy.root / JOURNAL).unlink()
    assert_recorded_without_running("first.txt", toy)
    assert not checkpoint.exists()


def test_a_full_disk_of_dvcs_database_fails_the_stage(toy):
    site = Path(toy.env["DVC_SITE_CACHE_DIR"])
    checkpoint = toy.checkpoint("left.txt")
    with mounted(site, "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        engine = toy.begin_and_stop_at("left.txt", "last@right")
        with suppress(OSError), (site / "all the rest").open("wb", buffering=0) as rest:
            while rest.write(b"x" * 512):
                pass
        toy.cure()
        out, _ = toy.end(engine, 1)
        assert re.search("FAILED left: exit code 1: .*disk", out)
    assert checkpoint.exists()
    toy.regen("run")
    assert not checkpoint.exists()
    assert is_finished(toy)


def test_a_disk_that_is_full_while_the_lock_is_written_loses_nothing(toy):
    engine = toy.begin_and_stop_at("left.txt", "last@right")
    part = toy.root / ".dvc/tmp/regen/dvc.lock"
    part.symlink_to("/dev/full")
    toy.cure()
    _, errors = toy.end(engine, 1)
    assert errors == f"dvc.lock: No space left on device; the next run writes what {JOURNAL} keeps\n"
    part.unlink()
    assert "stages: 5 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


@contextmanager
def mounted(folder, *options):
    """Mount a small disk on a folder, where one may."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root mounts a disk")
    done = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no mount here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_cache_on_a_full_disk_fails_the_stage_alone(toy):
    with mounted(toy.root / ".dvc/cache", "-t", "tmpfs", "-o", "size=1m", "tmpfs"):
        with toy.edited("source.txt", "source ", "source " * 300_000):
            out = toy.regen("run", code=1).stdout
        assert "FAILED first: exit code 1: " in out
        assert "No space left on device" in out
    toy.regen("run")
    assert is_finished(toy)


def test_a_cache_that_is_not_for_writing_fails_the_stage_alone(toy):
    cache = toy.root / ".dvc/cache"
    with mounted(cache, "-t", "tmpfs", "-o", "ro", "tmpfs"):
        out = toy.regen("run", code=1).stdout
        assert "FAILED first: exit code 1: " in out
        assert "Read-only file system" in out
    assert_recorded_without_running("first.txt", toy)


def test_a_file_in_place_of_the_cache_fails_the_stage_alone(toy):
    (toy.root / ".dvc/cache").mkdir(exist_ok=True)
    (toy.root / ".dvc/cache/files").write_text("in the way")
    assert "FAILED first: exit code 1: " in toy.regen("run", code=1).stdout
    (toy.root / ".dvc/cache/files").unlink()
    assert_recorded_without_running("first.txt", toy)


@pytest.mark.parametrize("by_dvc", [False, True])
def test_a_note_of_what_was_made_is_of_those_inputs_and_those_outputs(toy, by_dvc):
    """Two states of the source, each with its outputs in the caches, and a third that was not recorded."""
    with toy.edited("source.txt", "source ", "another "):
        toy.regen("run")
    toy.regen("run")
    files = toy.root / ".dvc/cache/files"
    with toy.edited("source.txt", "source ", "third "):
        files.rename(files.with_name("elsewhere"))
        files.write_text("in the way")
        toy.regen("run", code=1)
        assert toy.text("first.txt") == "third first.txt"
        files.unlink()
        files.with_name("elsewhere").rename(files)
    if by_dvc:
        toy.dvc("repro")
    else:
        with toy.edited("source.txt", "source ", "another "):
            toy.regen("run")
            assert toy.text("first.txt") == "another first.txt"
    with toy.edited("source.txt", "source ", "third "):
        toy.regen("run")
        assert toy.text("last-left.txt") == "third first.txtleft.txt"
    toy.regen("run")
    assert is_finished(toy)
