"""A cluster of four nodes, which Ray simulates, its tasks, and a toy pipeline with a training."""

import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psutil

from pipeline.same import AVX2
from pipeline.toy import Toy, make_toy, processes
from regen.pipeline.node import digest_of
from regen.pipeline.task import Needs, Task
from waiting import wait_for

TOKEN = f"a token of the tests in process {os.getpid()}, at least as long as Ray's own"
GIB = 1 << 30
NO_MORE_THAN_ASKED = {"RAY_prestart_worker_first_driver": "0", "RAY_enable_worker_prestart": "0"}
"""Ray starts as many processes as there are cores, seconds each, for every driver that comes."""
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
import os, shutil, time
from pathlib import Path

hold = Path(os.environ.get("HOLD", "none"))
state = Path(os.environ["REGEN_CACHE"], "checkpoints/toy-key")
state.mkdir(parents=True, exist_ok=True)
file = state / "state.pt"
step, value = map(int, file.read_text().split()) if file.exists() else (0, 1)
print("begins after step", step, flush=True)
while step < int(Path("first.txt").read_text()):
    step, value = step + 1, (31 * value + 7) % 1000003
    (state / "state.part").write_text(f"{step} {value}")
    (state / "state.part").replace(file)
    while hold.exists():
        time.sleep(0.05)
Path("model/log").mkdir(parents=True)
Path("model/weights.txt").write_text(str(value))
Path("model/log/steps.txt").write_text(str(step))
shutil.rmtree(state)
"""


class Nodes:
    """A head without cores, two nodes with two, and one with one and two GPUs."""

    def __init__(self, base):
        from ray._common.utils import get_default_ray_temp_dir
        from ray.cluster_utils import Cluster

        # where Ray notes the head's address; it makes the folder only for nodes that keep all else there, too
        Path(get_default_ray_temp_dir()).mkdir(exist_ok=True)
        self.base = base
        self.hold = base / "hold"
        self.session = Path(tempfile.mkdtemp(prefix="ray-"))  # sockets: pytest's paths are too long for them
        head = {"num_cpus": 0, "temp_dir": str(self.session)} | self.options("head")
        self.cluster = Cluster(initialize_head=True, head_node_args=head)
        for number, gpus in enumerate([0, 0, 2]):
            self.add(f"node-{number}", num_cpus=2, num_gpus=gpus)
        self.address = self.cluster.address

    def options(self, name):
        env = {"REGEN_CACHE": str(self.base / name), "HOLD": str(self.hold)} | AVX2 | NO_MORE_THAN_ASKED
        return {"include_dashboard": False, "memory": 8 * GIB, "env_vars": env}

    def add(self, name, **resources):
        """Add a node that ignores SIGINT, as what a script starts in its background does."""
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self.cluster.add_node(**resources, **self.options(name))
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def holding(self):
        """Have trainings on the nodes wait after a step."""
        self.hold.touch()
        try:
            yield
        finally:
            self.hold.unlink()

    def running(self, script):
        """Return the processes that run a script of a scratch copy on these nodes."""
        hold = str(self.hold)
        return processes(lambda each: each.cmdline()[1:2] == [script] and each.environ().get("HOLD") == hold)

    def kill_node_of(self, script):
        """Kill by SIGKILL the node that runs a script; return the script's process."""
        (process,) = self.running(script)
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


def with_variable(name, value):
    """Return the processes that were started with that variable in their environment."""
    return processes(lambda each: each.environ().get(name) == value and each.status() != psutil.STATUS_ZOMBIE)


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
        folder = Path(self.env["REGEN_CACHE"], "cluster/checkpoints", digest_of(str(self.root).encode())[:16])
        return folder / "train/toy-key/state.pt"


def make_training(base, steps):
    made = make_toy(base, DVC_YAML, {"train.py": TRAIN})
    (made.root / "source.txt").write_text(str(steps))
    (made.root / "stages/copy.py").unlink()  # which Python would take for its own `copy`
    return Training(made.root, made.env)


def finished(place, *tasks):
    """Run tasks side by side until all have ended."""
    runs = [place.start(task) for task in tasks]

    def have_ended():
        if left := [run for run in runs if run.exit_code is None]:
            place.wait(left, 0.5)
        return not left

    wait_for(have_ended, every=0)
    return runs


def a_task(command, name="task", outs=(), **needs):
    return Task(name, command, (), tuple(map(Path, outs)), Path(f"{name}.log"), Needs(**needs))
