"""`regen run --address`: a cluster of four nodes, which Ray simulates on one machine."""

import os
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from pipeline.clones import make_clone
from pipeline.toy import Toy, make_toy, wait_for
from regen.pipeline.task import Needs, Task

pytestmark = pytest.mark.slow

TOKEN = "a token of the tests, at least as long as Ray's own"
GIB = 1 << 30
DVC_YAML = """
stages:
  first:
    cmd: cat source.txt > first.txt
    deps: [source.txt]
    outs: [first.txt]
  train:
    cmd: python stages/train.py
    deps: [first.txt, stages/train.py]
    outs: [model]
  last:
    foreach: [left, right]
    do:
      cmd: cat first.txt model/weights.txt > last-${item}.txt && echo written
      deps: [first.txt, model]
      outs:
        - last-${item}.txt:
            cache: false
"""
TRAIN = """
import time
from pathlib import Path
from regen.training.checkpoint import Checkpoint

checkpoint = Checkpoint.of("toy", "key")
state = checkpoint.load() or {"step": 0, "value": 1}
print("begins after step", state["step"], flush=True)
while state["step"] < int(Path("first.txt").read_text()):
    state = {"step": state["step"] + 1, "value": (31 * state["value"] + 7) % 1000003}
    checkpoint.save(state)
    time.sleep(0.1)
Path("model/log").mkdir(parents=True)
Path("model/weights.txt").write_text(str(state["value"]))
Path("model/log/steps.txt").write_text(str(state["step"]))
checkpoint.remove()
"""


class Nodes:
    """A head without cores, two nodes with two, and one with one and two GPUs."""

    def __init__(self, base):
        from ray.cluster_utils import Cluster

        self.base = base
        self.session = Path(tempfile.mkdtemp(prefix="ray-"))  # sockets: pytest's paths are too long for them
        head = {"num_cpus": 0, "temp_dir": str(self.session)} | self.options("head")
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        for number, gpus in enumerate([0, 0, 2]):
            self.add(f"node-{number}", num_cpus=2, num_gpus=gpus)
        self.address = self.cluster.address

    def options(self, name):
        env = {"REGEN_CACHE": str(self.base / name)}
        return {"include_dashboard": False, "memory": 8 * GIB, "env_vars": env}

    def add(self, name, **resources):
        self.cluster.add_node(**resources, **self.options(name))

    def kill_node_of(self, script):
        """Kill by SIGKILL the node that runs a script; return the script's process."""
        (process,) = running(script)
        above = {each.pid for each in process.parents()}
        (node,) = [each for each in self.cluster.worker_nodes if self.raylet(each) in above]
        self.cluster.remove_node(node, allow_graceful=False)
        return process

    @staticmethod
    def raylet(node):
        return node.all_processes["raylet"][0].process.pid

    def end(self):
        self.cluster.shutdown()
        shutil.rmtree(self.session, ignore_errors=True)


def running(script):
    """Return the processes that run a script of a scratch copy."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        found += [process] if words[1:2] == [script] else []
    return found


def of_ray():
    """Return the processes that belong to the tests' Ray."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get("RAY_AUTH_TOKEN") == TOKEN and process.pid != os.getpid()
        except psutil.Error:
            continue
        found += [process] if ours and process.status() != "zombie" else []
    return found


def is_ray(process):
    return process.name() in ("raylet", "gcs_server") or process.name().startswith("ray::")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", TOKEN)
        pytest.importorskip("regen.pipeline.cluster", reason="Ray is not installed", exc_type=ImportError)
        nodes = Nodes(tmp_path_factory.mktemp("nodes"))
        yield nodes
        nodes.end()
        wait_for(lambda: not of_ray(), 30)


class Training(Toy):
    """A pipeline of four stages: `first`, a training, and two that need both."""

    def on(self, nodes, *args, code=0):
        """Run `regen run` on the nodes and return what it prints."""
        done = self.regen("run", "--address", nodes.address, *args, code=code)
        return done.stdout + done.stderr

    def log(self, stage):
        return self.text(f".dvc/tmp/regen/{stage}.log")

    def results(self):
        names = ["dvc.lock", "first.txt", "last-left.txt", "last-right.txt"]
        return {name: (self.root / name).read_bytes() for name in names} | self.content("model")

    @property
    def kept(self):
        """Checkpoint of the training on the driver's side."""
        return Path(self.env["REGEN_CACHE"], "cluster/checkpoints/train/toy-key/state.pt")


def make_training(base, steps):
    made = make_toy(base, DVC_YAML, {"train.py": TRAIN})
    (made.root / "source.txt").write_text(str(steps))
    (made.root / "stages/copy.py").unlink()  # which Python would take for its own `copy`
    return Training(made.root, made.env)


@pytest.fixture
def toy(tmp_path):
    return make_training(tmp_path, steps=3)


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """Results of a long training on this machine alone."""
    toy = make_training(tmp_path_factory.mktemp("local"), steps=50)
    toy.regen("run", "--jobs", "2")
    return toy.results()


def test_results_are_those_of_one_machine_and_nothing_is_sent_twice(nodes, toy, tmp_path):
    told = toy.on(nodes)
    assert "stages: 4 ran" in told
    on_nodes = toy.results()
    assert "stages: 4 up to date" in toy.on(nodes)
    alone = make_training(tmp_path / "alone", steps=3)
    alone.regen("run", "--jobs", "2")
    assert on_nodes == alone.results()
    assert toy.log("last@left") == "written\n"
    assert not toy.kept.exists()
    assert toy.git("status", "--porcelain").count("part") == 0


def test_the_real_pipeline_reads_what_it_declares_and_gives_the_same_bytes(nodes, reproduced, tmp_path):
    clone = make_clone(tmp_path)
    clone.regen("run", "--address", nodes.address)
    made, expected = (each.content("data", "models", "reports") for each in (clone, reproduced))
    assert made.keys() == expected.keys()
    different = {path for path, data in made.items() if data != expected[path]}
    assert {path for path in different if "timings" not in path} == set()


def test_a_node_that_dies_costs_what_came_after_the_last_checkpoint(nodes, tmp_path, long_run):
    toy = make_training(tmp_path, steps=50)
    driver = toy.begin("run", "--address", nodes.address)
    wait_for(toy.kept.exists)
    process = nodes.kill_node_of("stages/train.py")
    try:
        wait_for(lambda: not process.is_running() or process.status() == "zombie", 30)
        out, errors = driver.communicate(timeout=120)
    finally:
        nodes.add("node-3", num_cpus=2)
    assert driver.returncode == 0, out + errors
    assert toy.results() == long_run
    begun = [int(step) for step in re.findall(r"^begins after step (\d+)$", toy.log("train"), re.MULTILINE)]
    assert begun[0] == 0 < begun[1]
    assert "started again from its last checkpoint" in toy.log("train")


ENDS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]


@pytest.mark.parametrize(("number", "code"), ENDS)
def test_a_signal_ends_the_tasks_and_the_next_run_goes_on_from_their_checkpoints(
    nodes, tmp_path, number, code
):
    toy = make_training(tmp_path, steps=50)
    driver = toy.begin("run", "--address", nodes.address)
    wait_for(toy.kept.exists)
    driver.send_signal(number)
    _, errors = driver.communicate(timeout=60)
    told = "" if number == signal.SIGKILL else f"stopped by {number.name}"
    assert (driver.returncode, errors.strip()) == (code, told)
    wait_for(lambda: not running("stages/train.py"), 15)
    (toy.root / "source.txt").write_text("50\n")  # the stage runs again, though its checkpoint is good
    toy.on(nodes)
    assert "begins after step 0" not in toy.log("train")


def test_a_stage_that_fails_says_why(nodes, toy):
    with toy.edited("stages/train.py", "checkpoint.remove()", "raise SystemExit('it went wrong')"):
        told = toy.on(nodes, code=1)
    assert "stages: 1 ran, 1 failed, 2 not run for want of those" in told
    assert "FAILED train: exit code 1: it went wrong (log: .dvc/tmp/regen/train.log)" in told
    assert toy.log("train").startswith("begins after step 0")
    assert not (toy.root / "model").exists()


def test_an_output_that_was_not_made_is_named(nodes, toy):
    with toy.edited("dvc.yaml", "outs: [model]", "outs: [model, model2]"):
        assert "FAILED train: exit code 1: model2: not made" in toy.on(nodes, code=1)
    assert not (toy.root / "model").exists()


def test_what_no_node_can_hold_is_named_at_once(nodes, toy):
    with toy.edited("dvc.yaml", "outs: [model]", "outs: [model]\n    meta: {cpus: 3}"):
        told = toy.on(nodes, code=2)
    needed = "needs 3 CPUs, 2.0 GiB of memory, 0 GPUs; no node has that, but "
    assert f"FAILED train: exit code 2: train: {needed}" in told
    assert "2 CPUs, 8.0 GiB of memory, 2 GPUs" in told


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
    toy.env.update({"RAY_AUTH_TOKEN": token, "HOME": str(tmp_path)})
    told = toy.on(nodes, code=1)
    line = f"--address {nodes.address}: no Ray cluster that can be used: its token is not that of "
    assert told.startswith(line)
    assert told.count("\n") == 1


@pytest.mark.usefixtures("nodes")
def test_a_cluster_of_this_machine_alone_ends_with_the_run_and_leaves_no_token(toy, tmp_path):
    toy.env["HOME"] = str(tmp_path)
    del toy.env["RAY_AUTH_TOKEN"]
    before = {process.pid for process in psutil.process_iter() if is_ray(process)}
    assert "stages: 1 ran" in toy.regen("run", "--address", "local", "first").stdout
    wait_for(lambda: {one.pid for one in psutil.process_iter() if is_ray(one)} <= before, 20)
    assert not (tmp_path / ".ray").exists()


# ---- the place, without the engine -----------------------------------------------------------------------


@pytest.fixture
def place(nodes, toy, monkeypatch):
    """The nodes as a place, in the toy's folder."""
    from regen.pipeline.cluster import cluster

    monkeypatch.chdir(toy.root)
    monkeypatch.setenv("REGEN_CACHE", toy.env["REGEN_CACHE"])
    monkeypatch.delenv("REGEN_THREADS", raising=False)
    with cluster(nodes.address) as place:
        yield place


def finished(place, *tasks):
    """Run tasks side by side until all have ended."""
    runs = [place.start(task) for task in tasks]
    until = time.monotonic() + 60
    while left := [run for run in runs if run.exit_code is None]:
        assert time.monotonic() < until, "waited in vain"
        place.wait(left, 0.5)
    return runs


def a_task(command, name="task", outs=(), **needs):
    return Task(name, command, (), tuple(map(Path, outs)), Path(f"{name}.log"), Needs(**needs))


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


def test_each_task_has_its_own_gpu_and_its_threads(place):
    command = "echo $CUDA_VISIBLE_DEVICES,$OMP_NUM_THREADS > {0}.txt; sleep 2"
    names = ["a", "b"]
    tasks = [a_task(command.format(name), name, [f"{name}.txt"], gpus=1) for name in names]
    finished(place, *tasks, a_task(command.format("c"), "c", ["c.txt"], cpus=2))
    assert sorted(Path(f"{name}.txt").read_text() for name in names) == ["0,1\n", "1,1\n"]
    assert Path("c.txt").read_text() == ",2\n"


def test_there_is_room_for_what_the_nodes_have(place):
    runs = [place.start(a_task("sleep 60", str(number), cpus=2)) for number in range(3)]
    assert not place.has_room(a_task("true"), runs)
    assert place.has_room(a_task("true"), runs[:2])
    assert place.has_room(a_task("true", cpus=99), runs)  # so that it fails at once
    place.stop(runs)
    assert [run.exit_code for run in runs] == [143, 143, 143]


def test_what_waits_for_the_only_node_fails_when_that_dies(place, monkeypatch):
    runs = [place.start(a_task("sleep 60", str(number), cpus=2)) for number in range(4)]
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
    assert "needs 1 CPUs, 9.0 GiB of memory" in run.last_line()
