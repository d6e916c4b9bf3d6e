"""`regen run` on a toy pipeline: what it runs, how it ends, and what the worst leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

from pipeline.clones import REPO, Clone, environment

pytestmark = pytest.mark.slow

DVC_YAML = """
stages:
  first:
    cmd: python stages/copy.py source.txt first.txt
    deps: [source.txt, stages/copy.py]
    outs: [first.txt]
  left:
    cmd: python stages/copy.py first.txt left.txt
    deps: [first.txt, stages/copy.py]
    outs: [left.txt]
  right:
    cmd: python stages/copy.py first.txt right.txt
    deps: [first.txt, stages/copy.py]
    outs: [right.txt]
  last:
    foreach: [left, right]
    do:
      cmd: cat ${item}.txt > last-${item}.txt
      deps: ['${item}.txt']
      outs:
        - last-${item}.txt:
            cache: false
"""
COPY = """
import sys, time
from pathlib import Path
source, target = map(Path, sys.argv[1:])
trouble = Path(f"{target}.trouble")
what = trouble.read_text() if trouble.exists() else ""
if what == "sleep":
    Path(f"{target}.asleep").touch()
    time.sleep(60)
if what == "half":
    target.write_text("hal")
    print("first line")
    sys.exit(f"{target}: went wrong")
if what != "nothing":
    target.write_text(source.read_text() + target.name)
print("done")
"""
DEPENDS_ON_NOTHING = "deps: [nothing.txt]\n    outs: [left.txt]"


class Toy(Clone):
    """A pipeline of five stages that take no time: `first`, then `left` and `right`, then one after each."""

    def begin(self, *args):
        """Run `regen ARGS`, in a process group of its own; return without waiting."""
        command = [sys.executable, "-m", "regen.pipeline.cli", *args]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.root, env=self.env, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def trouble(self, target, what):
        (self.root / f"{target}.trouble").write_text(what)

    def cure(self):
        for file in self.root.glob("*.trouble"):
            file.unlink()

    def wait_until_asleep(self, target):
        wait_for((self.root / f"{target}.asleep").exists)

    def text(self, name):
        return (self.root / name).read_text()


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def in_folder(folder):
    """Return the processes whose working directory is `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            found += [process] if process.cwd() == str(folder) and process.pid != os.getpid() else []
        except psutil.Error:
            continue
    return found


@pytest.fixture
def toy(tmp_path):
    root = tmp_path / "regen"
    (root / "stages").mkdir(parents=True)
    env = environment(tmp_path) | {"PYTHONPATH": str(REPO / "src")}
    toy = Toy(root, env)
    (root / "params.yaml").write_text((REPO / "params.yaml").read_text())
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "stages/copy.py").write_text(COPY)
    (root / "source.txt").write_text("source ")
    toy.git("init", "--quiet", "--initial-branch=main")
    toy.dvc("init", "--quiet")
    toy.git("add", "--all")
    toy.git("commit", "--quiet", "--message=Start")
    return toy


def is_finished(toy):
    assert toy.text("last-left.txt") == "source first.txtleft.txt"
    assert toy.text("last-right.txt") == "source first.txtright.txt"
    assert "up to date" in toy.dvc("status").stdout
    assert toy.regen("status").stdout == "up to date\n"
    return True


def test_a_run_is_what_dvc_calls_up_to_date(toy):
    assert toy.regen("status").stdout.split("\n")[0] == "first"
    assert "stages: 5 ran" in toy.regen("run", "--jobs", "2").stdout
    assert is_finished(toy)
    lock = toy.text("dvc.lock")
    assert "stages: 5 up to date" in toy.regen("run").stdout
    (toy.root / "dvc.lock").unlink()
    toy.dvc("repro", "--force")
    assert toy.text("dvc.lock") == lock


def test_what_changed_and_what_depends_on_it_runs_and_nothing_else(toy):
    toy.regen("run")
    with toy.edited("dvc.yaml", "first.txt left.txt", "source.txt left.txt"):
        listed = toy.regen("status").stdout
        assert listed == "left\nlast@left (after the above)\n"
        assert "stages: 2 ran, 3 up to date" in toy.regen("run").stdout
    assert toy.text("last-left.txt") == "source left.txt"


def test_a_target_brings_what_it_needs_and_nothing_else(toy):
    assert "stages: 3 ran" in toy.regen("run", "last@right").stdout
    assert not (toy.root / "left.txt").exists()
    assert "stages: 2 ran, 3 up to date" in toy.regen("run", "last").stdout


def test_earlier_runs_come_from_the_run_cache(toy):
    toy.regen("run")
    with toy.edited("source.txt", "source ", "another "):
        toy.regen("run")
        assert toy.text("last-left.txt") == "another first.txtleft.txt"
    told = toy.regen("run").stdout
    assert "stages: 2 ran, 3 from the run-cache" in told  # the outputs of `last` are in no cache
    assert is_finished(toy)


@pytest.mark.parametrize(("what", "reason"), [("half", "went wrong"), ("nothing", "")])
def test_a_failure_stops_what_needs_it_and_nothing_else(toy, what, reason):
    toy.trouble("left.txt", what)
    told = toy.regen("run", code=1).stdout
    assert "stages: 3 ran, 1 failed, 1 not run for want of those" in told
    line = told.strip().split("\n")[-1]
    assert line.startswith("FAILED left: exit code 1: ")
    assert reason in line
    log = re.search(r"\(log: (.*)\)", line)[1]
    assert toy.text(log).startswith("first line" if reason else "done")
    assert toy.text("last-right.txt") == "source first.txtright.txt"
    toy.cure()
    assert "stages: 2 ran, 3 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_its_code_and_no_child(toy, number, code):
    toy.trouble("left.txt", "sleep")
    engine = toy.begin("run", "--jobs", "2")
    toy.wait_until_asleep("left.txt")
    wait_for((toy.root / "last-right.txt").exists)
    engine.send_signal(number)
    _, errors = engine.communicate(timeout=20)
    assert (engine.returncode, errors.strip()) == (code, f"stopped by {number.name}")
    wait_for(lambda: not in_folder(toy.root), 5)
    toy.cure()
    assert "first.txt" in toy.text("dvc.lock")
    toy.regen("run")
    assert is_finished(toy)


@pytest.mark.parametrize("victim", ["engine", "child", "server"])
def test_a_kill_loses_no_finished_stage(toy, victim):
    toy.trouble("left.txt", "sleep")
    engine = toy.begin("run", "--jobs", "2")
    toy.wait_until_asleep("left.txt")
    wait_for(lambda: (toy.root / "dvc.lock").exists() and "last@right" in toy.text("dvc.lock"))
    if victim == "engine":
        engine.kill()
    else:
        tree = psutil.Process(engine.pid).children(recursive=True)
        depth = {process.pid: len(process.parents()) for process in tree}
        servers = [process for process in tree if process.children()]
        child = max(tree, key=lambda process: depth[process.pid])
        (child if victim == "child" else servers[0]).kill()
    out, errors = engine.communicate(timeout=30)
    assert engine.returncode != 0
    if victim == "child":
        assert "FAILED left: exit code 137" in out
    assert "Traceback" not in errors
    wait_for(lambda: not in_folder(toy.root), 15)
    toy.cure()
    assert "stages: 2 ran, 3 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


def test_half_a_list_of_dvcs_files_in_use_is_no_obstacle(toy):
    (toy.root / ".dvc/tmp").mkdir(exist_ok=True)
    (toy.root / ".dvc/tmp/rwlock").write_text('{"/some/file": {"wri')
    toy.regen("run")
    assert is_finished(toy)


def test_a_second_engine_and_dvc_are_told_to_wait(toy):
    toy.trouble("first.txt", "sleep")
    engine = toy.begin("run")
    toy.wait_until_asleep("first.txt")
    told = toy.regen("run", code=1)
    assert re.fullmatch(r"\.dvc/tmp/lock: held by another DVC or regen process.*\n", told.stderr)
    assert "lock" in toy.dvc("repro", code=None).stderr
    engine.terminate()
    engine.communicate(timeout=20)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            ["run", "frist"],
            "dvc.yaml: stages: no 'frist'; allowed: first, last, left, right, or one NAME@RUN",
        ),
        (["run", "-S", "seed=none"], "params.yaml: seed: 'none'"),
        (["run", "-S", "seed"], "params.yaml: 'seed': "),
        (["run", "frist", "-S", "seed=7"], "dvc.yaml: stages: no 'frist'; allowed: "),
    ],
)
def test_mistakes_cost_a_line_and_no_work(toy, args, line):
    told = toy.regen(*args, code=2)
    assert told.stderr.startswith(line)
    assert told.stderr.count("\n") == 1
    assert not (toy.root / "first.txt").exists()
    assert toy.git("status", "--porcelain", "params.yaml") == ""


def test_an_input_that_is_gone_fails_its_stage_alone(toy):
    with toy.edited(
        "dvc.yaml", "deps: [first.txt, stages/copy.py]\n    outs: [left.txt]", DEPENDS_ON_NOTHING
    ):
        told = toy.regen("run", code=1).stdout
    assert "stages: 3 ran, 1 failed, 1 not run for want of those" in told
    assert "FAILED left: exit code 1: " in told


def test_changed_params_are_saved_as_an_experiment(toy):
    told = toy.regen("run", "-S", "seed=7").stdout
    name = re.search(r"^experiment: (\S+)$", told, re.MULTILINE)[1]
    assert name in toy.dvc("exp", "list").stdout
    assert re.search(r"^seed: 7\b", toy.text("params.yaml"), re.MULTILINE)
