"""Slices of a day: stopped in time, carried to another machine, and gone on with."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.gpu_day import process, workspace
from benchmarks.gpu_day.record import Record
from benchmarks.gpu_day.slice import Slice
from gpu_day.conftest import carried, run_inside, run_outside
from gpu_day.small import RUN, STEPS
from regen import artifacts
from regen.errors import InputError

TRAINED, SCORED = f"train_gan@{RUN}", f"score_samples@{RUN}"
WEIGHTS = artifacts.weights_file(RUN, 1)
EQUAL = [
    WEIGHTS,
    artifacts.snapshots_file(RUN),
    artifacts.evaluations_file(RUN),
    artifacts.gan_history_file(RUN),
]
"""What a training makes that does not tell how long it took."""


class StandIn:
    """A clock that stands still until `moment()`, and then is past every end."""

    def __init__(self, moment):
        self.moment, self.now = moment, 0.0

    def __call__(self):
        if self.moment():
            self.now = 1e6
        return self.now


def training_outside(command, *rest):
    """Run a training in a process of its own, which can be stopped."""
    return (run_outside if "train_gan" in command[1] else run_inside)(command, *rest)


def test_a_day_in_one_slice_leaves_all_results_and_small_files(whole):
    results = whole.read()
    assert list(results["steps"]) == [
        "train_classifier@digits_color", "measure_reference@digits_color", TRAINED, SCORED,
    ]  # fmt: skip
    assert results["checkpoint"] is None
    assert all(check["passed"] for check in results["checks"].values())
    assert results["checks"]["tests"]["tests"] == 1  # of the two, the one that wants a device
    assert set(results["table"]) == {
        f"{RUN}, float32, plain", "evaluation", "epoch of l100", "epoch of realnvp_mnist",
        "epoch of seq_attention",
    }  # fmt: skip
    assert all(row.get("steps_per_second", row.get("seconds")) > 0 for row in results["table"].values())
    (line,) = (whole.root / "progress.md").read_text().splitlines()
    assert line.startswith("- slice 1, ")
    assert line.endswith("; next: nothing, all is done: --merge puts it in place")
    named = {part["name"] for step in results["steps"].values() for part in step["parts"]}
    assert {path.name for path in whole.parts.iterdir()} == named
    assert json.loads((whole.work / artifacts.scores_file(RUN, "fidelity")).read_text())["samples"] == 60


def test_nothing_is_done_twice(whole, profile, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "run", lambda *_: pytest.fail("there is nothing left"))
    record, before = carried(whole, tmp_path / "other"), whole.read()
    assert Slice(record, profile, 10).run() == 0
    lines = record.read()["progress"]
    assert record.read() | {"progress": lines[:1], "slices": 1} == before
    assert "done: nothing; next: nothing" in lines[-1]


@pytest.mark.usefixtures("inside")
def test_stopped_and_carried_to_another_machine_a_run_ends_at_the_same_bits(
    whole, profile, tmp_path, monkeypatch
):
    stopped = carried(whole, tmp_path / "stopped", without=(TRAINED, SCORED))
    clock = StandIn(lambda: workspace.checkpoints(stopped.work))
    with monkeypatch.context() as patched:
        patched.setenv("OMP_NUM_THREADS", "1")
        patched.setattr(process, "run", training_outside)
        assert Slice(stopped, profile, 10, clock).run() == 0
    assert 0 < workspace.steps_done(stopped.work, RUN) < STEPS
    assert not (stopped.work / WEIGHTS).exists()
    assert f"next: {TRAINED}" in stopped.read()["progress"][-1]
    assert "likely left: 1 slice of 10 min" in stopped.read()["progress"][-1].replace("at least ", "")

    resumed = carried(stopped, tmp_path / "resumed")
    begun = []

    def observed(command, *rest):
        if "train_gan" in command[1]:
            begun.append(workspace.steps_done(resumed.work, RUN))
        return run(command, *rest)

    run = process.run
    monkeypatch.setattr(process, "run", observed)
    assert Slice(resumed, profile, 10).run() == 0
    assert begun == [workspace.steps_done(stopped.work, RUN)]
    for path in EQUAL:
        assert (resumed.work / path).read_bytes() == (whole.work / path).read_bytes(), path
    assert resumed.read()["checkpoint"] is None
    assert not list(resumed.parts.glob("checkpoint*"))


@pytest.mark.usefixtures("inside")
def test_a_stage_that_is_stopped_after_it_has_made_all_is_done(whole, profile, tmp_path, monkeypatch):
    record = carried(whole, tmp_path / "other", without=(SCORED,))
    run = process.run
    monkeypatch.setattr(process, "run", lambda *args: None if run(*args) == 0 else 1)
    assert Slice(record, profile, 10).run() == 0
    assert record.read()["steps"].keys() == whole.read()["steps"].keys()
    path = artifacts.scores_file(RUN, "fidelity")
    assert (record.work / path).read_bytes() == (whole.work / path).read_bytes()


def test_a_checkpoint_that_was_left_behind_is_told_of_and_may_still_come(
    whole, profile, tmp_path, monkeypatch
):
    record = carried(whole, tmp_path / "other", without=(TRAINED, SCORED))
    kept = {"files": ["cache/checkpoints/a/state.pt"], "parts": [{"name": "checkpoint-1.001", "sha256": ""}]}
    record.set("checkpoint", kept)
    monkeypatch.setattr(process, "run", lambda *_: None)
    assert Slice(record, profile, 1, clock=lambda: 60.0, began=0.0).run() == 0
    assert record.read()["checkpoint"] == kept
    assert "begins anew: the checkpoint in checkpoint-1.001" in record.read()["progress"][-1]


@pytest.mark.usefixtures("inside")
def test_a_damaged_part_ends_the_slice_before_any_work(whole, profile, tmp_path):
    record = carried(whole, tmp_path / "other", without=(TRAINED, SCORED))
    part = next(record.parts.glob("measure_reference*"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(InputError, match="damaged"):
        Slice(record, profile, 10).run()
    part.unlink()
    with pytest.raises(InputError, match="not there"):  # the training needs it, to the bit
        Slice(record, profile, 10).run()
    assert not (record.work / "data").exists()


def test_parts_of_a_run_that_is_done_need_not_be_carried(whole, profile, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "run", lambda *_: pytest.fail("there is nothing left"))
    record = carried(whole, tmp_path / "other")
    for part in record.parts.glob("train_gan*"):
        part.unlink()
    assert Slice(record, profile, 10).run() == 0


def test_other_settings_make_it_do_a_step_again(whole, profile, tmp_path):
    record = carried(whole, tmp_path / "other")
    workspace.prepare(record.work, profile)
    slice_ = Slice(record, profile, 10)
    kept = [step for step in slice_.plan if step.is_kept]
    assert all(slice_.is_done(step) for step in kept)
    settings = record.work / "params.yaml"
    settings.write_text(settings.read_text().replace("ema: 0.98", "ema: 0.97"))
    assert [step.name for step in kept if not slice_.is_done(step)] == [TRAINED]


@pytest.mark.usefixtures("inside")
def test_trainings_wait_for_checks_that_have_failed(whole, profile, tmp_path, monkeypatch):
    record = carried(whole, tmp_path / "other", without=(TRAINED, SCORED))
    failed = record.read()["checks"]["tests"] | {"passed": False, "slice": 2}
    record.put("checks", "tests", failed)
    ran = []
    monkeypatch.setattr(process, "run", lambda command, *_: ran.append(command) or 1)
    assert Slice(record, profile, 10).run() == 1
    assert not ran
    assert "checks not passed: tests; trainings wait" in record.read()["progress"][-1]
    record.put("checks", "tests", failed | {"slice": 3})
    assert Slice(record, profile, 10, anyway=True).run() == 1
    assert ran[0][1:] == ["stages/fetch_data.py", "digits_color"]


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(("code", "told"), [(-11, "tests: ended by signal 11"), (1, "measure: no message")])
def test_trainings_wait_where_checks_break_down(whole, profile, tmp_path, monkeypatch, code, told):
    """At once, so that they can say nothing: what was being measured is not tried again in this slice."""
    record = carried(whole, tmp_path / "other", without=(TRAINED, SCORED))
    record.set("checks", {name: check for name, check in record.read()["checks"].items() if name != "tests"})
    ran = []
    monkeypatch.setattr(process, "run", lambda command, *_: ran.append(command) or code)
    assert Slice(record, profile, 10).run() == 1
    assert [command[2] for command in ran] == ["benchmarks.gpu_day.measure"]
    assert f"failed: {told}" in record.read()["progress"][-1]


def test_a_step_that_fails_is_told_of_and_what_needs_it_waits(whole, profile, tmp_path, monkeypatch):
    record = carried(whole, tmp_path / "other", without=(TRAINED, SCORED))

    def fail(command, folder, env, log, is_over):  # noqa: ARG001
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("no mirror has it\n")
        return 1

    monkeypatch.setattr(process, "run", fail)
    assert Slice(record, profile, 10).run() == 1
    assert (
        "failed: fetch_data@digits_color: no mirror has it; next: what has failed"
        in record.read()["progress"][-1]
    )
    optional = profile.day.model_copy(update={"optional": [RUN]})
    assert Slice(record, type(profile)(profile.path, optional, profile.params), 10).run() == 0


def test_a_signal_ends_a_slice_in_good_order(whole, profile, tmp_path, monkeypatch):
    record = carried(whole, tmp_path / "other", without=(TRAINED, SCORED))

    def signalled(*args):
        os.kill(os.getpid(), signal.SIGTERM)
        return None if args[-1]() else pytest.fail("not told to stop")

    monkeypatch.setattr(process, "run", signalled)
    before = signal.getsignal(signal.SIGTERM)
    assert Slice(record, profile, 10).run() == 0
    assert signal.getsignal(signal.SIGTERM) is before
    assert "done: nothing; next: fetch_data@digits_color" in record.read()["progress"][-1]


def test_time_that_is_over_begins_nothing(whole, profile, tmp_path, monkeypatch):
    monkeypatch.setattr(process, "run", lambda *_: pytest.fail("begun too late"))
    record = carried(whole, tmp_path / "other", without=(TRAINED, SCORED))
    over = 60 - profile.day.reserve

    def at(seconds):
        return Slice(record, profile, 1, clock=lambda: seconds, began=0.0)

    assert [at(over - 0.1)._is_over(), at(over)._is_over()] == [False, True]
    assert at(over).run() == 0


def test_a_process_is_ended_with_its_children_when_time_is_over(tmp_path):
    code = (
        "import subprocess; child = subprocess.Popen(['sleep', '77']); print('on', flush=True); child.wait()"
    )
    log = tmp_path / "logs" / "log"
    began = time.monotonic()
    assert (
        run_outside([sys.executable, "-c", code], tmp_path, os.environ, log, lambda: log.read_text() != "")
        is None
    )
    assert time.monotonic() - began < 60
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout.splitlines()
    assert "sleep 77" not in listed


def test_two_slices_do_not_work_in_one_folder(whole, profile):
    first, second = Slice(whole, profile, 10), Slice(whole, profile, 10)
    with first._alone(), pytest.raises(InputError, match="another slice is at work here"):
        second.run()


def test_results_that_are_not_a_day_s_are_refused(tmp_path):
    (tmp_path / "results.json").write_text('{"a": 1}')
    with pytest.raises(InputError, match="not the results of a day"):
        Record(tmp_path).read()
