"""The worst that may happen to a run of the toy pipeline, each time the real thing, and what it leaves."""

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager

import pytest

from pipeline.toy import after, in_folder, is_finished, make_toy
from regen.pipeline.children import FEW
from waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

JOURNAL = ".dvc/tmp/regen/finished.jsonl"


@pytest.fixture
def toy(tmp_path, request):
    """A toy, with as many stages before the others as a test's parameter says."""
    toy = make_toy(tmp_path, after(getattr(request, "param", 0)))
    yield toy
    for process in in_folder(toy.root):
        process.kill()


def begin_and_stop_at(toy, target, *others, how="sleep"):
    """Start the engine with a stage that does not end; return when `others` are recorded."""
    toy.trouble(target, how)
    engine = toy.begin("run", "--jobs", "2")
    toy.wait_until_asleep(target)
    wait_for(lambda: all(name in toy.recorded() for name in others))
    return engine


def end(engine, code):
    """Return what the engine printed when it has ended."""
    out, errors = engine.communicate(timeout=PATIENCE)
    assert engine.returncode == code, errors
    assert "Traceback" not in errors
    return out, errors


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_its_code_and_no_child(toy, number, code):
    engine = begin_and_stop_at(toy, "left.txt", "last@right")
    engine.send_signal(number)
    _, errors = end(engine, code)
    assert errors.strip() == f"stopped by {number.name}"
    wait_for(lambda: not in_folder(toy.root))
    toy.cure()
    assert "last@right" in toy.text("dvc.lock")
    assert "stages: 2 ran, 3 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


def test_what_ends_well_all_the_same_is_recorded(toy):
    engine = begin_and_stop_at(toy, "left.txt", "last@right", how="deaf")
    engine.send_signal(signal.SIGINT)
    toy.cure()
    end(engine, 130)
    assert "stages: 1 ran, 4 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


@pytest.mark.parametrize(
    ("toy", "victim"),
    [(0, "engine"), (0, "child"), (FEW, "engine"), (FEW, "child"), (FEW, "server")],
    indirect=["toy"],
)
def test_a_kill_loses_no_finished_stage(toy, victim):
    engine = begin_and_stop_at(toy, "left.txt", "last@right")
    child = toy.wait_until_asleep("left.txt")
    earlier = toy.text("dvc.yaml").count("  early-")
    assert (child.ppid() == engine.pid) == (earlier == 0)  # else it is the server's
    {"engine": engine, "child": child, "server": child.parent()}[victim].kill()
    out, errors = engine.communicate(timeout=PATIENCE)
    assert engine.returncode != 0
    if victim == "child":
        assert "FAILED left: exit code 137" in out
    assert "Traceback" not in errors
    wait_for(lambda: not in_folder(toy.root))
    toy.cure()
    assert f"stages: 2 ran, {3 + earlier} up to date" in toy.regen("run").stdout
    assert is_finished(toy)


def assert_recorded_without_running(target, toy):
    """The rest runs; `target` would fail."""
    toy.trouble(target, "half")
    toy.regen("run")
    toy.cure()
    assert is_finished(toy)


@pytest.mark.parametrize("left", [0, 20])
def test_a_record_that_was_cut_short_is_one_stage_to_record_again(toy, left):
    engine = begin_and_stop_at(toy, "left.txt", "last@right")
    engine.kill()
    engine.communicate()
    wait_for(lambda: not in_folder(toy.root))
    toy.cure()
    whole = toy.text(JOURNAL)
    last = whole.rindex("\n", 0, -1) + 1
    assert "last@right" in whole[last:]
    (toy.root / JOURNAL).write_text(whole[: last + left])
    assert "stages: 2 ran, 1 from the run-cache, 2 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


def test_records_over_another_lock_are_dropped(toy):
    toy.regen("run")
    lock = toy.text("dvc.lock")
    entry = {"over": "0" * 64, "stages": {"left": {"cmd": "an older one"}}}
    (toy.root / JOURNAL).write_text(json.dumps(entry) + "\n")
    assert "stages: 5 up to date" in toy.regen("run").stdout
    assert toy.text("dvc.lock") == lock
    assert not (toy.root / JOURNAL).exists()


def test_dvc_killed_in_the_middle_of_repro_is_no_obstacle(toy):
    toy.trouble("left.txt", "sleep")
    dvc = toy.dvc_begins("repro")
    toy.wait_until_asleep("left.txt")
    dvc.kill()
    for child in in_folder(toy.root):  # a child of DVC outlives it
        child.kill()
    dvc.communicate()
    toy.cure()
    toy.regen("run")
    assert is_finished(toy)


def test_half_a_list_of_dvcs_files_in_use_is_no_obstacle(toy):
    (toy.root / ".dvc/tmp").mkdir(exist_ok=True)
    (toy.root / ".dvc/tmp/rwlock").write_text('{"/some/file": {"wri')
    toy.regen("run")
    assert is_finished(toy)


def test_a_second_engine_and_dvc_are_told_to_wait(toy):
    engine = begin_and_stop_at(toy, "first.txt")
    told = toy.regen("run", code=1)
    assert re.fullmatch(r"\.dvc/tmp/lock: held by another DVC or regen process.*\n", told.stderr)
    assert "lock" in toy.dvc("repro", code=None).stderr
    toy.cure()
    end(engine, 0)
    assert is_finished(toy)


def test_an_engine_waits_for_no_dvc_and_takes_nothing_from_it(toy):
    toy.trouble("first.txt", "sleep")
    dvc = toy.dvc_begins("repro")
    toy.wait_until_asleep("first.txt")
    told = toy.regen("run", code=1)
    assert re.fullmatch(r"\.dvc/tmp/rwlock: stages run in process \d+, .*repro.*\n", told.stderr)
    toy.cure()
    dvc.communicate(timeout=PATIENCE)
    assert dvc.returncode == 0
    assert is_finished(toy)


def cached(toy, name):
    """Return the file of DVC's cache that holds an output."""
    found = re.search(rf"path: {name}\n\s+hash: md5\n\s+md5: (\w+)", toy.text("dvc.lock"))[1]
    return toy.root / ".dvc/cache/files/md5" / found[:2] / found[2:]


@pytest.mark.parametrize("name", ["left.txt", "last-left.txt"])
@pytest.mark.parametrize("mode", [0o444, 0o644])
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


def test_a_stage_that_dies_with_half_an_output_leaves_none_to_others(toy):
    toy.trouble("left.txt", "half")
    assert "FAILED left: exit code 1: left.txt: went wrong" in toy.regen("run", code=1).stdout
    assert toy.text("left.txt") == "hal"
    assert not (toy.root / "last-left.txt").exists()
    assert "left:" not in toy.text("dvc.lock").replace("last@left:", "")
    toy.cure()
    toy.regen("run")
    assert is_finished(toy)


def test_an_input_that_is_gone_fails_its_stage_alone(toy):
    old, new = (
        "deps: [first.txt, stages/copy.py]\n    outs: [left.txt]",
        "deps: [nothing.txt]\n    outs: [left.txt]",
    )
    with toy.edited("dvc.yaml", old, new):
        told = toy.regen("run", code=1).stdout
    assert "stages: 3 ran, 1 failed, 1 not run for want of those" in told
    assert "FAILED left: exit code 1: " in told


def test_a_disk_that_is_full_while_a_stage_is_noted_fails_the_stage(toy):
    engine = begin_and_stop_at(toy, "first.txt")
    (toy.root / JOURNAL).symlink_to("/dev/full")
    toy.cure()
    out, _ = end(engine, 1)
    assert "FAILED first: exit code 1: [Errno 28] No space left on device" in out
    (toy.root / JOURNAL).unlink()
    assert_recorded_without_running("first.txt", toy)


def test_a_disk_that_is_full_while_the_lock_is_written_loses_nothing(toy):
    engine = begin_and_stop_at(toy, "left.txt", "last@right")
    part = toy.root / ".dvc/tmp/regen/dvc.lock"
    part.symlink_to("/dev/full")
    toy.cure()
    _, errors = end(engine, 1)
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


def test_outputs_of_other_inputs_than_now_are_not_recorded(toy):
    (toy.root / ".dvc/cache").mkdir(exist_ok=True)
    (toy.root / ".dvc/cache/files").write_text("in the way")
    toy.regen("run", code=1)
    (toy.root / ".dvc/cache/files").unlink()
    with toy.edited("source.txt", "source ", "another "):
        toy.regen("run")
        assert toy.text("first.txt") == "another first.txt"


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


def test_what_changes_while_a_stage_runs_fails_it(toy):
    """Its outputs may be of the old or of the new; none is recorded, nor kept as the new ones."""
    engine = begin_and_stop_at(toy, "left.txt", "last@right")
    with toy.edited("stages/copy.py", 'print("done")', 'print("ready")'):
        toy.cure()
        out, _ = end(engine, 1)
        assert "FAILED left: exit code 1: changed while it ran, run it again: stages/copy.py" in out
    assert "stages: 2 ran, 3 up to date" in toy.regen("run").stdout
    assert is_finished(toy)
