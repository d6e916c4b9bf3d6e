"""Real runs of stages/train_vae.py, killed with SIGKILL and started again until they end."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import yaml

import regen
from regen.artifacts import history_file, scores_file, weights_file
from regen.data.images import SPLITS, Dataset, Images, write_dataset
from regen.training.checkpoint import Checkpoint

REPO = Path(__file__).parents[2]
RUN = "tiny"
EPOCHS = 100
OUTPUTS = [weights_file(RUN), history_file(RUN), scores_file(RUN, "training")]
PATIENCE = 120  # seconds


class Workplace:
    """A folder with a params.yaml and a data set, and the checkpoint of what runs in it."""

    def __init__(self, root):
        self.root = root
        content = yaml.safe_load((REPO / "params.yaml").read_text())
        run = next(iter(content["vae"].values()))
        run |= {"data": "digits", "epochs": EPOCHS, "batch_size": 50, "learning_rate": 1e-3}
        content |= {"device": "cpu", "seed": 3, "vae": {RUN: run}}
        content["data"]["sets"] = ["digits"]
        content["training"]["checkpoint_every"] = 2
        # a copy of the sources: checkpoints are kept by their content, and someone may be at work on them
        for folder in (Path(regen.__path__[0]), REPO / "stages"):
            shutil.copytree(folder, root / "code" / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
        (root / "params.yaml").write_text(yaml.safe_dump(content))
        write_dataset(root / "data" / "digits.safetensors", noise(train=120, valid=10, test=10))

    def start(self):
        environment = os.environ | {
            "REGEN_CACHE": str(self.root / "cache"),
            "PYTHONPATH": str(self.root / "code"),
            "OMP_NUM_THREADS": "1",  # more would wait for each other where others are at work too
        }
        return subprocess.Popen(
            [sys.executable, "code/stages/train_vae.py", RUN],
            cwd=self.root,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self):
        process = self.start()
        _, messages = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, messages

    @property
    def checkpoints(self):
        return self.root / "cache" / "checkpoints"

    def states(self):
        """Return which file is the checkpoint now: another one after each save."""
        found = []
        for path in self.checkpoints.glob("*/state.pt"):
            with suppress(FileNotFoundError):
                found.append((path, path.stat().st_mtime_ns, path.stat().st_ino))
        return found

    def epochs(self):
        (folder,) = self.checkpoints.iterdir()
        state = Checkpoint(folder).load()
        return 0 if state is None else len(state["history"])

    def parts(self):
        return [path for path in self.checkpoints.glob("*/.state.pt.*") if path.stat().st_size]

    def kill_when(self, moment):
        """Run until `moment()` holds while the process stands still; then kill it."""
        process = self.start()
        try:
            deadline = time.monotonic() + PATIENCE
            while not self.stands_still(process, moment):
                assert time.monotonic() < deadline
                time.sleep(0.0005)
            process.kill()
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == -signal.SIGKILL

    def stands_still(self, process, moment):
        """Return whether `moment()` holds, and holds once the process is stopped; else let it go on."""
        try:
            if not moment():
                return False
        except FileNotFoundError:
            return False
        process.send_signal(signal.SIGSTOP)
        seen = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert seen.si_code == os.CLD_STOPPED, "the run ended before it could be killed"
        with suppress(FileNotFoundError):
            if moment():
                return True
        process.send_signal(signal.SIGCONT)
        return False


def noise(**sizes):
    generator = torch.Generator().manual_seed(0)
    splits = {
        split: Images(
            torch.randint(256, (sizes[split], 1, 28, 28), dtype=torch.uint8, generator=generator), None
        )
        for split in SPLITS
    }
    return Dataset("digits", splits, "noise")


def contents(root):
    return {str(path): (root / path).read_bytes() for path in OUTPUTS}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "waitid"), reason="os.waitid is not on this system")
def test_killed_at_any_moment_and_started_again_gives_the_same_bytes(tmp_path):
    whole, killed = Workplace(tmp_path / "whole"), Workplace(tmp_path / "killed")
    whole.finish()
    expected = contents(whole.root)
    assert not list(whole.checkpoints.iterdir())

    killed.kill_when(lambda: killed.states() and killed.parts())  # while the second checkpoint is written
    assert killed.parts(), "not killed while writing"
    first = killed.epochs()
    assert 2 <= first <= 6

    at_start = killed.states()
    killed.kill_when(lambda: killed.states() != at_start)  # as soon as there is another
    second = killed.epochs()
    assert first < second <= first + 4, "started over, or went on from elsewhere"

    at_start, delay, seen = killed.states(), random.Random(1).uniform(0.1, 0.5), []

    def some_time_later():
        if not seen and killed.states() != at_start:
            seen.append(time.monotonic())
        return seen and time.monotonic() > seen[0] + delay

    killed.kill_when(some_time_later)
    third = killed.epochs()
    assert second < third < EPOCHS
    assert not any((killed.root / path).exists() for path in OUTPUTS)

    killed.kill_when(lambda: (killed.root / OUTPUTS[0]).exists() and killed.states())  # while handing on
    assert killed.epochs() == EPOCHS

    killed.finish()
    assert contents(killed.root) == expected
    assert not list(killed.checkpoints.iterdir())
    published = {path for folder in ("models", "reports") for path in (killed.root / folder).rglob("[!.]*.*")}
    assert published == {killed.root / path for path in OUTPUTS}
