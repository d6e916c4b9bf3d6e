"""`regen run` on a toy pipeline: what it runs, and how it ends."""

import re
import signal
import time

import pytest

from pipeline.clones import yaml
from pipeline.toy import is_finished
from regen.pipeline.cli import unchanged_by_mistakes
from regen.pipeline.engine import Stopped
from waiting import PATIENCE

pytestmark = pytest.mark.slow

DEPENDS_ON_NOTHING = "deps: [nothing.txt]\n    outs: [left.txt]"


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
    assert "stages: 5 from the run-cache" in toy.regen("run").stdout  # those that git keeps, too
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
    assert (toy.root / "left.txt").exists() == (what == "half")
    assert not (toy.root / "last-left.txt").exists()
    assert "left:" not in toy.text("dvc.lock").replace("last@left:", "")
    assert toy.text("last-right.txt") == "source first.txtright.txt"
    toy.cure()
    assert "stages: 2 ran, 3 up to date" in toy.regen("run").stdout
    assert is_finished(toy)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            ["run", "frist"],
            "dvc.yaml: stages: no 'frist'; did you mean 'first'? "
            "allowed: first, last, left, right, or one NAME@RUN",
        ),
        (["run", "-S", "seed=none"], "params.yaml: seed: 'none'"),
        (["run", "-S", "seed"], "params.yaml: 'seed': "),
        (["run", "-S", "seeds=1"], "params.yaml: 'seeds=1': Could not override 'seeds'. "),
        (["run", "-S", "seed=range(1,4)"], "params.yaml: 'seed=range(1,4)': "),
        (
            ["run", "last@lfet"],
            "dvc.yaml: stages: no 'last@lfet'; did you mean 'last@left'? allowed: last@left, ",
        ),
        (["run", "frist", "-S", "seed=7"], "dvc.yaml: stages: no 'frist'; did you mean 'first'? "),
    ],
)
def test_mistakes_cost_a_line_and_no_work(toy, args, line):
    told = toy.regen(*args, code=2)
    assert told.stderr.startswith(line)
    assert told.stderr.count("\n") == 1
    assert not (toy.root / "first.txt").exists()
    assert toy.git("status", "--porcelain", "params.yaml") == ""


def test_a_signal_while_params_are_changed_puts_them_back(tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text("seed: 1\n")

    def stopped():
        with unchanged_by_mistakes(file):
            file.write_text("seed: 2\n")
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Stopped, match="SIGINT"):
        stopped()
    assert file.read_text() == "seed: 1\n"


def test_changed_params_are_saved_as_an_experiment(toy):
    comments = toy.text("params.yaml").count("#")
    told = toy.regen("run", "-S", "seed=7").stdout
    assert toy.text("params.yaml").count("#") == comments > 10
    name = re.search(r"^experiment: (\S+)$", told, re.MULTILINE)[1]
    assert name in toy.dvc("exp", "list").stdout
    assert re.search(r"^seed: 7\b", toy.text("params.yaml"), re.MULTILINE)


def test_a_mistake_in_what_a_stage_needs_costs_a_line_and_no_work(toy):
    with toy.edited("dvc.yaml", "  first:\n", "  first:\n    meta: {memory: much}\n"):
        told = toy.regen("run", code=2)
    assert told.stderr.startswith("dvc.yaml: stages: first: meta: memory: 'much': not a number and ")
    assert not (toy.root / "first.txt").exists()


def test_stages_that_need_more_than_there_is_run_one_at_a_time(toy):
    text = toy.text("dvc.yaml")
    for name in ("left", "right"):
        text = text.replace(f"  {name}:\n", f"  {name}:\n    meta: {{memory: 900 TiB}}\n")
    (toy.root / "dvc.yaml").write_text(text)
    toy.trouble("left.txt", "sleep")
    engine = toy.begin("run", "--jobs", "4")
    toy.wait_until_asleep("left.txt")
    time.sleep(2)
    assert not (toy.root / "right.txt").exists()
    toy.cure()
    engine.communicate(timeout=PATIENCE)
    assert engine.returncode == 0
    assert is_finished(toy)


def test_a_lock_of_another_machine_hides_no_result_of_this_one(toy):
    """Other machines leave other bytes of times, and of what depends on the processor."""
    toy.regen("run")
    lock = toy.root / "dvc.lock"
    noted = yaml.load(lock)
    noted["stages"]["left"]["outs"][0]["md5"] = "0" * 32
    yaml.dump(noted, lock)
    told = toy.regen("run").stdout
    assert "left: from the run-cache" in told
    assert "stages: 1 from the run-cache, 4 up to date" in told
    assert is_finished(toy)
