"""A folder where a real stages/train_vae.py runs, is killed with SIGKILL, and is started again."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import torch
import yaml

from regen.artifacts import history_file, scores_file, snapshots_file, timing_file, weights_file
from regen.artifacts.datasets import SPLITS, Dataset, Images, write_dataset
from regen.params import Params
from regen.training.checkpoint import Checkpoint
from waiting import PATIENCE, wait_for

REPO = Path(__file__).parents[2]
RUN = "tiny"
EPOCHS = 100


def outputs(*seeds):
    """Return what the stage publishes, the first thing first."""
    weights = [weights_file(RUN, seed) for seed in seeds]
    return [*weights, history_file(RUN), scores_file(RUN, "training"), snapshots_file(RUN), timing_file(RUN)]


class Workplace:
    """A folder with a params.yaml and a data set, and the checkpoints of what runs in it."""

    def __init__(self, root, seed=3, epochs=EPOCHS, **changes):
        self.root, self.length = root, epochs
        content = yaml.safe_load((REPO / "params.yaml").read_text())
        run = next(iter(content["vae"].values()))
        run.pop("seeds", None)
        run |= {"data": "digits", "epochs": epochs, "batch_size": 50, "learning_rate": 1e-3}
        run |= {"shown_epochs": [0, 1, epochs], "planar_layers": 0} | changes
        content |= {"device": "cpu", "seed": seed, "vae": {RUN: run}}
        for name, data in content["score"]["runs"].items():
            if data != "digits":
                content["gan"].pop(name, None)
        content["score"]["runs"] = {}
        content["classifier"] = {"digits": content["classifier"]["digits"]}
        content["data"]["sets"] = ["digits"]
        content["training"]["checkpoint_every"] = 2
        content["likelihood"]["importance_samples"] = 5
        self.params = Params.model_validate(content)
        # a copy of the sources: checkpoints are kept by their content, and someone may be at work on them
        for folder in (REPO / "src/regen", REPO / "stages"):
            target = root / folder.relative_to(REPO)
            shutil.copytree(folder, target, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(REPO / "dvc.yaml", root)
        (root / "params.yaml").write_text(yaml.safe_dump(content))
        write_dataset(root / "data" / "digits.safetensors", noise(train=120, valid=10, test=10))

    def start(self, stage="train_vae"):
        environment = os.environ | {
            "REGEN_CACHE": str(self.root / "cache"),
            "PYTHONPATH": str(self.root / "src"),
            "OMP_NUM_THREADS": "1",  # more would wait for each other where others are at work too
        }
        return subprocess.Popen(
            [sys.executable, f"stages/{stage}.py", RUN],
            cwd=self.root,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, stage="train_vae"):
        process = self.start(stage)
        _, messages = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, messages

    @property
    def checkpoints(self):
        return self.root / "cache" / "checkpoints"

    def states(self, seed="*"):
        """Return which files are the checkpoints now: others after each save."""
        found = []
        for path in self.checkpoints.glob(f"{RUN}-seed-{seed}-*/state.pt"):
            with suppress(FileNotFoundError):
                found.append((path, path.stat().st_mtime_ns, path.stat().st_ino))
        return found

    def epochs(self, seed="*"):
        (folder,) = self.checkpoints.glob(f"{RUN}-seed-{seed}-*")
        state = Checkpoint(folder).load()
        if state is None:
            return 0
        steps = len(state["fitted"]["trace"]) // self.length
        return state["fitted"]["step"] // steps

    def parts(self):
        return [path for path in self.checkpoints.glob("*/.state.pt.*") if path.stat().st_size]

    def published(self):
        """Return the content of every file that the stages have made here, by its place.

        Of how long it took, which is never the same twice, only what is told.
        """
        made = [path for folder in ("models", "reports") for path in (self.root / folder).rglob("[!.]*.*")]
        content = {path.relative_to(self.root): path.read_bytes() for path in made}
        if timing_file(RUN) in content:
            content[timing_file(RUN)] = list(json.loads(content[timing_file(RUN)]))
        return content

    def kill_when(self, moment):
        """Run until `moment()` holds while the process stands still; then kill it."""
        process = self.start()
        try:
            wait_for(lambda: self.stands_still(process, moment), every=0.0005)
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
