"""The worst that may happen to a run of the toy pipeline, each time the real thing, and what it leaves."""

import json
import os
import re
import signal

import pytest

from pipeline.toy import JOURNAL, in_folder, is_finished
from regen.pipeline.children import FEW
from waiting import PATIENCE, wait_for

pytestmark = pytest.mark.slow

SLOW = """
import time
from pathlib import Path
Path("loading").touch()
while not Path("loaded").exists():
    time.sleep(0.05)
"""


@pytest.mark.parametrize(
    ("send", "number", "code"), [(os.kill, signal.SIGTERM, 143), (os.killpg, signal.SIGINT, 130)]
)
def test_a_signal_ends_it_with_its_code_and_no_child(toy, send, number, code):
    """A terminal's Ctrl-C reaches all processes."""
    engine = toy.begin_and_stop_at("left.txt", "last@right")
    send(engine.pid, number)
    out, errors = toy.end(engine, code)
    assert errors.strip() == f"stopped by {number.name}"
    assert "FAILED" not in out
    wait_for(lambda: not in_folder(toy.root))
    toy.cure()
    assert "last@right" in toy.text("dvc.lock")
    assert "stages: 2 ran, 3 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


@pytest.mark.parametrize("toy", [FEW], indirect=True)
def test_ctrl_c_while_the_server_loads_its_libraries_is_no_fault(toy):
    (toy.root / "slow.py").write_text(SLOW)
    engine = toy.begin("run", "--jobs", "2", preload=["slow"])
    wait_for((toy.root / "loading").exists)
    os.killpg(engine.pid, signal.SIGINT)
    (toy.root / "loaded").touch()
    out, errors = toy.end(engine, 130)
    assert errors.strip() == "stopped by SIGINT"
    assert "FAILED" not in out


def test_what_ends_well_all_the_same_is_recorded(toy):
    engine = toy.begin_and_stop_at("left.txt", "last@right", how="deaf")
    engine.send_signal(signal.SIGINT)
    toy.cure()
    toy.end(engine, 130)
    assert "stages: 1 ran, 4 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


@pytest.mark.parametrize(
    ("toy", "victim"),
    [(0, "engine"), (0, "child"), (FEW, "engine"), (FEW, "server")],
    indirect=["toy"],
)
def test_a_kill_loses_no_finished_stage(toy, victim):
    engine = toy.begin_and_stop_at("left.txt", "last@right")
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


def test_a_record_that_was_cut_short_is_one_stage_to_record_again(toy):
    engine = toy.begin_and_stop_at("left.txt", "last@right")
    engine.kill()
    engine.communicate()
    wait_for(lambda: not in_folder(toy.root))
    toy.cure()
    whole = toy.text(JOURNAL)
    last = whole.rindex("\n", 0, -1) + 1
    assert "last@right" in whole[last:]
    (toy.root / JOURNAL).write_text(whole[: last + 20])
    out = toy.regen("run").stdout
    assert re.search(r"last@right: (from the run-cache|had ended before, recorded)", out)
    assert re.search("stages: (2 ran, 1 from the run-cache|3 ran), 2 up to date", out)
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
    engine = toy.begin_and_stop_at("first.txt")
    told = toy.regen("run", code=1)
    assert re.fullmatch(r"\.dvc/tmp/lock: held by another DVC or regen process.*\n", told.stderr)
    assert "lock" in toy.dvc("repro", code=None).stderr
    toy.cure()
    toy.end(engine, 0)
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


def test_an_input_that_is_gone_fails_its_stage_alone(toy):
    old, new = (
        "deps: [first.txt, stages/copy.py]\n    outs: [left.txt]",
        "deps: [nothing.txt]\n    outs: [left.txt]",
    )
    with toy.edited("dvc.yaml", old, new):
        told = toy.regen("run", code=1).stdout
    assert "stages: 3 ran, 1 failed, 1 not run for want of those" in told
    assert "FAILED left: exit code 1: " in told


def test_what_changes_while_a_stage_runs_fails_it(toy):
    """Its outputs may be of the old or of the new; none is recorded, nor kept as the new ones."""
    checkpoint = toy.checkpoint("left.txt")
    engine = toy.begin_and_stop_at("left.txt", "last@right")
    with toy.edited("stages/copy.py", 'print("done")', 'print("ready")'):
        toy.cure()
        out, _ = toy.end(engine, 1)
        assert not checkpoint.exists()
        assert "FAILED left: exit code 1: changed while it ran, run it again: stages/copy.py" in out
    assert "stages: 2 ran, 3 up to date" in toy.regen("run").stdout
    assert is_finished(toy)
