"""What a task finds in its process."""

import json
from pathlib import Path

import pytest

from pipeline.toy import processes
from regen.pipeline.children import FEW, Children
from regen.pipeline.task import Needs, Task
from waiting import FOREVER, wait_for

pytestmark = pytest.mark.slow

SCRIPT = """
import json, os, sys, time
from pathlib import Path
names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "REGEN_BAR")
found = {name: os.environ.get(name) for name in names} | {"dvc": "dvc" in sys.modules}
if sys.argv[1] == "first":
    loaded = "torch" in sys.modules
    import torch
    found |= {"loaded": loaded, "threads": torch.get_num_threads()}
Path(sys.argv[1] + ".json").write_text(json.dumps(found))
while Path(sys.argv[1]).exists():
    time.sleep(0.05)
print("an output line")
sys.exit("the last word")
"""


@pytest.fixture(params=[0, FEW], ids=["plain", "from the server"])
def place(tmp_path, monkeypatch, request):
    """Room on this machine, where so many tasks have been started before."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    Path("tell.py").write_text(SCRIPT)
    place = Children(jobs=3, threads=2, memory=1 << 40, gpus=["4", "7"])
    place.started = request.param
    yield place
    place.stop(list(place.children))


def start(place, name, gpus=0):
    Path(name).touch()
    return place.start(Task(name, f"python tell.py {name}", (), (), Path(f"{name}.log"), Needs(gpus=gpus)))


def ended(place, child):
    Path(child.task.name).unlink()
    wait_for(lambda: place.wait([child], 1) or child.exit_code is not None, every=0)
    return json.loads(Path(f"{child.task.name}.json").read_text())


def test_a_child_has_its_devices_for_itself_and_nothing_of_the_engine(place):
    loaded = place.started == FEW
    first, second = start(place, "first", 1), start(place, "second", 1)
    assert (first.gpus, second.gpus) == (("4",), ("7",))
    assert ended(place, first) == {
        "CUDA_VISIBLE_DEVICES": "4", "OMP_NUM_THREADS": "2", "REGEN_BAR": "1", "dvc": False,
        "loaded": loaded, "threads": 2,
    }  # fmt: skip
    third, fourth = start(place, "third", 1), start(place, "fourth")
    assert third.gpus == ("4",)
    assert ended(place, second)["CUDA_VISIBLE_DEVICES"] == "7"
    assert ended(place, third)["CUDA_VISIBLE_DEVICES"] == "4"
    assert ended(place, fourth)["CUDA_VISIBLE_DEVICES"] is None
    assert fourth.exit_code == 1
    assert fourth.last_line() == "the last word"
    assert Path("fourth.log").read_text().startswith("an output line\n")


def test_a_child_that_is_stopped_has_its_signal_as_exit_code(place):
    child = start(place, "first")
    place.stop([child])
    assert child.exit_code == 143


@pytest.mark.parametrize("end", ["asked", "forced"])
def test_what_a_shell_has_started_ends_with_its_task(place, end):
    child = place.start(Task("shell", f"touch began && sleep {FOREVER} && touch late", (), (), Path("log")))
    wait_for(lambda: Path("began").exists() and of_sleep())
    if end == "forced":
        child.process.kill()
    place.stop([child])
    wait_for(lambda: not of_sleep())
    assert not Path("late").exists()


def of_sleep():
    """Return the processes in this folder that sleep."""
    return processes(lambda each: each.name() == "sleep" and each.cwd() == str(Path.cwd()))
