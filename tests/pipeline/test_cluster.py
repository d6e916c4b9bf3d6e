"""`regen run --address`: a cluster of four nodes, which Ray simulates on one machine.

They pass for another processor, as far as one can play others.
"""

import re
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.clones import copy_of, yaml
from pipeline.nodes import GIB, a_task, finished, make_training, with_variable
from pipeline.same import AVX2, UNLIKE, differences, timeless, timeless_lock
from regen.pipeline import node
from waiting import FOREVER, PATIENCE, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def toy(tmp_path):
    return make_training(tmp_path, steps=3)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """Results of a long training on this machine alone."""
    toy = make_training(tmp_path_factory.mktemp("local"), steps=20)
    toy.regen("run", "--jobs", "2")
    return toy.results()


def test_results_are_those_of_one_machine_and_nothing_is_sent_twice(nodes, tmp_path, long_run):
    toy = make_training(tmp_path, steps=20)
    told = toy.on(nodes)
    assert "stages: 4 ran" in told
    on_nodes = toy.results()
    assert "stages: 4 up to date" in toy.on(nodes)
    assert on_nodes == long_run
    assert toy.log("last@left") == "written\n"
    assert not toy.kept.exists()
    assert toy.git("status", "--porcelain").count("part") == 0


ON_NODES = ("train_translator@tiny_seq",)
BY_DVC = "play_dirac"


def test_nodes_with_more_threads_and_plain_dvc_give_the_same_bytes(nodes, reproduced, stages, tmp_path):
    """Some stages on nodes, of two seeds one, and one by DVC; test_alone.py has one of each kind.

    None finds a result of an earlier run, neither in its place nor in DVC's caches.
    """
    clone = copy_of(reproduced.root.parent, tmp_path)
    clone = replace(clone, env=clone.env | AVX2 | {"OMP_NUM_THREADS": "2", "REGEN_THREADS": "2"})
    lock = clone.root / "dvc.lock"
    noted = yaml.load(lock)
    for name in ON_NODES:
        noted["stages"].pop(name)
        for out in stages[name].outs:
            node.remove(clone.root / out)
    yaml.dump(noted, lock)
    shutil.rmtree(clone.root / ".dvc/cache/runs")
    told = clone.regen("run", "--address", nodes.address).stdout
    ran = set(re.findall(r"^\[\d+/\d+\] (\S+): [\d.]+ s$", told, re.MULTILINE))
    assert ran >= {*ON_NODES}
    assert all(any(dep.startswith(UNLIKE) for dep in stages[name].deps) for name in ran - {*ON_NODES})
    assert f"stages: {len(ran)} ran, {len(stages) - len(ran)} up to date" in told
    assert clone.ran("repro", "--force", "--single-item", "--no-run-cache", BY_DVC) == {BY_DVC}
    there, here = (timeless(each.content("data", "models", "reports")) for each in (clone, reproduced))
    assert len(here) > 100
    assert differences(here, there) == {}
    assert set(timeless_lock(clone)) ^ set(timeless_lock(reproduced)) == set()


def test_a_node_that_dies_costs_what_came_after_the_last_checkpoint(nodes, tmp_path, long_run):
    toy = make_training(tmp_path, steps=20)
    with nodes.holding():
        driver = toy.begin("run", "--address", nodes.address)
        wait_for(toy.kept.exists)
        process = nodes.kill_node_of("stages/train.py")
        wait_for(lambda: not process.is_running() or process.status() == "zombie")
    try:
        out, errors = driver.communicate(timeout=PATIENCE)
    finally:
        nodes.add("node-3", num_cpus=2)
    assert driver.returncode == 0, out + errors
    assert toy.results() == long_run
    begun = [int(step) for step in re.findall(r"^begins after step (\d+)$", toy.log("train"), re.MULTILINE)]
    assert begun[0] == 0 < begun[1]
    assert "started again from its last checkpoint" in toy.log("train")


def test_a_signal_ends_the_tasks_and_the_next_run_goes_on_from_their_checkpoints(nodes, tmp_path):
    toy = make_training(tmp_path, steps=20)
    for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)):
        kept = toy.kept.stat().st_mtime_ns if toy.kept.exists() else 0
        with nodes.holding():  # after one step more
            driver = toy.begin("run", "--address", nodes.address)
            wait_for(lambda kept=kept: toy.kept.exists() and toy.kept.stat().st_mtime_ns > kept)
            driver.send_signal(number)
            _, errors = driver.communicate(timeout=PATIENCE)
            told = "" if number == signal.SIGKILL else f"stopped by {number.name}"
            assert (driver.returncode, errors.strip()) == (code, told)
            wait_for(lambda: not nodes.running("stages/train.py"))
    (toy.root / "source.txt").write_text("20\n")  # the stage runs again, though its checkpoint is good
    toy.on(nodes)
    assert "begins after step 3\n" in toy.log("train")


def test_a_stage_that_fails_says_why_and_an_output_that_was_not_made_is_named(nodes, toy):
    with (
        toy.edited("stages/train.py", "shutil.rmtree(state)", "raise SystemExit('it went wrong')"),
        toy.edited(
            "dvc.yaml",
            "outs: [first.txt]",
            "outs: [first.txt]\n  half:\n    cmd: touch one\n    outs: [one, two]",
        ),
    ):
        told = toy.on(nodes, code=1)
    assert "stages: 1 ran, 2 failed, 2 not run for want of those" in told
    assert "FAILED train: exit code 1: it went wrong (log: .dvc/tmp/regen/train.log)" in told
    assert "FAILED half: exit code 1: two: not made" in told
    assert toy.log("train").startswith("begins after step 0")
    assert not [name for name in ("model", "one") if (toy.root / name).exists()]


@pytest.mark.parametrize(
    ("args", "code", "line"),
    [
        (
            ["--address", "here"],
            2,
            "--address here: not allowed; allowed: HOST:PORT of a Ray head, or 'local'",
        ),
        (["--address", "127.0.0.1:9"], 1, "--address 127.0.0.1:9: no Ray head there: "),
        (["--address", "local", "--jobs", "2"], 2, "--jobs 2: not allowed with --address; "),
    ],
)
@pytest.mark.usefixtures("nodes")
def test_a_wrong_address_costs_a_line(toy, args, code, line):
    told = toy.regen("run", *args, code=code)
    assert told.stderr.startswith(line)
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("token", ["another" * 10, ""])
def test_without_the_token_nobody_comes_in(nodes, toy, tmp_path, token):
    toy.env.update({"RAY_AUTH_TOKEN": token, "HOME": str(tmp_path), "RAY_gcs_server_port_wait_time_s": "2"})
    told = toy.on(nodes, code=1)
    line = f"--address {nodes.address}: no Ray cluster that can be used: its token is not that of "
    assert told.startswith(line)
    assert told.count("\n") == 1


@pytest.mark.usefixtures("nodes")
def test_a_cluster_of_this_machine_alone_ends_with_the_run_and_leaves_no_token(toy, tmp_path):
    toy.env["HOME"] = str(tmp_path)
    del toy.env["RAY_AUTH_TOKEN"]
    assert "stages: 1 ran" in toy.regen("run", "--address", "local", "first").stdout
    wait_for(lambda: not with_variable("HOME", str(tmp_path)))
    assert not (tmp_path / ".ray").exists()


# ---- the place, without the engine -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lie", "line"),
    [
        (("ended", 0, {"a.txt": {".": ("0" * 64, b"a")}}), "a.txt: not the bytes that the node has hashed"),
        (("ended", 0, {"../a.txt": {".": ("", b"a")}}), "../a.txt: sent by the node, but no output of task"),
        (
            ("ended", 0, {"a.txt": {"../../b": ("", b"a")}}),
            "../../b: sent by the node as an output below a.txt",
        ),
        (("checkpoints", {"../../b": b"a"}), "../../b: sent by the node as a checkpoint, which it is not"),
        (("submit", "a.txt"), "task: its node has sent something unknown"),
        ("a.txt", "task: its node has sent something unknown"),
        (("checkpoints", {5: b"a"}), "TypeError: "),
        (("checkpoints", {"\0": b"a"}), "ValueError: "),
        (("ended", 0, {5: {}, "b": {}}), "TypeError: "),
    ],
)
def test_a_node_that_lies_fails_its_task_in_a_line(place, toy, lie, line):
    from regen.pipeline.connection import ray

    def liar(_):
        yield lie

    place.execute = ray.remote(liar)
    before = set(toy.root.parent.rglob("*"))
    (run,) = finished(place, a_task("true", outs=["a.txt"]))
    assert (run.exit_code, run.last_line().startswith(line)) == (1, True), run.last_line()
    made = set(toy.root.parent.rglob("*")) - before
    assert {path.name for path in made if path.is_file()} == {"task.log"}


def test_a_task_whose_workers_die_is_given_up_after_some_starts(place):
    (run,) = finished(place, a_task("echo begun; kill -9 $PPID"))
    assert run.exit_code == 1
    assert run.last_line().startswith("task: lost 4 times, the last time by WorkerCrashedError")


def test_each_task_has_its_own_gpu_and_its_threads(place, tmp_path):
    command = "echo $CUDA_VISIBLE_DEVICES,$OMP_NUM_THREADS > {0}.txt"
    meet = f"; touch {tmp_path}/{{0}}; until [ -e {tmp_path}/a -a -e {tmp_path}/b ]; do sleep 0.1; done"
    names = ["a", "b"]
    tasks = [a_task((command + meet).format(name), name, [f"{name}.txt"], gpus=1) for name in names]
    finished(place, *tasks, a_task(command.format("c"), "c", ["c.txt"], cpus=2))
    assert sorted(Path(f"{name}.txt").read_text() for name in names) == ["0,1\n", "1,1\n"]
    assert Path("c.txt").read_text() == ",2\n"


def test_there_is_room_for_what_the_nodes_have(place):
    runs = [place.start(a_task(f"sleep {FOREVER}", str(number), cpus=2)) for number in range(3)]
    assert not place.has_room(a_task("true"), runs)
    assert place.has_room(a_task("true"), runs[:2])
    assert place.has_room(a_task("true", cpus=99), runs)  # so that it fails at once
    wait_for(lambda: place.wait(runs, 0.5) or all(run.began is not None for run in runs))
    place.stop(runs)
    assert [run.exit_code for run in runs] == [143, 143, 143]


def test_a_task_that_hears_nothing_is_forced_to_end(place, monkeypatch):
    from regen.pipeline.connection import ray

    def deaf(_):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        yield "began", "node"
        time.sleep(FOREVER)

    monkeypatch.setattr(node, "PATIENCE", 1.0)
    place.execute = ray.remote(deaf)
    run = place.start(a_task("true"))
    wait_for(lambda: place.wait([run], 0.5) or run.began is not None)
    place.stop([run])
    assert run.exit_code == 137


def test_an_error_of_a_task_that_is_asked_to_end_is_its_end(place):
    from regen.pipeline.connection import ray

    def failing(_):
        yield 1 / 0

    place.execute = ray.remote(failing)
    run = place.start(a_task("true"))
    ray.wait([run.stream.completed()], timeout=PATIENCE)
    place.stop([run])
    assert run.exit_code == 143


def test_what_waits_for_the_only_node_fails_when_that_dies(place, monkeypatch):
    runs = [place.start(a_task(f"sleep {FOREVER}", str(number), cpus=2)) for number in range(4)]
    wait_for(lambda: place.wait(runs, 0.5) or [run.began is not None for run in runs].count(True) == 3)
    monkeypatch.setattr("regen.pipeline.cluster.live_nodes", lambda: [{"CPU": 1.0, "memory": 8.0 * GIB}])
    place.wait(runs, 0.5)
    assert sorted(run.exit_code is None for run in runs) == [False, True, True, True]
    (failed,) = [run for run in runs if run.exit_code is not None]
    assert (failed.exit_code, failed.began) == (2, None)
    place.stop(runs)


def test_a_seed_leaves_its_checkpoint_to_its_stage(place):
    state = "$REGEN_CACHE/checkpoints/run/state.pt"
    seed = a_task(f"mkdir -p $(dirname {state}); echo -n learnt > {state}", "stage --seed 1")
    whole = a_task(f"cat {state} > a.txt", "stage", ["a.txt"])
    assert [run.exit_code for run in finished(place, seed)] == [0]
    assert [run.exit_code for run in finished(place, whole)] == [0]
    assert Path("a.txt").read_text() == "learnt"


def test_a_task_asks_for_memory(place):
    (run,) = finished(place, a_task("true", memory=9 * GIB))
    assert run.exit_code == 2
    assert "needs 1 CPUs, 9.0 GiB of memory, 0 GPUs; no node has that, but " in run.last_line()
    assert "2 CPUs, 8.0 GiB of memory, 2 GPUs" in run.last_line()
