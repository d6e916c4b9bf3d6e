"""By how much other seeds change each metric: the quick profile, run with other seeds again and again.

    python -m benchmarks.noise

Each run has a scratch copy of the workspace, below .dvc/tmp/noise, in which every seed of the profile is
moved by the same step: a metric that is a mean over three seeds is one of three others there. Started again
after it was stopped, it goes on where it was; after a change of the code, it runs what depends on it.

It writes results/noise/quick.csv, which `make diff` holds changes against.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

import pandas as pd
import typer
import yaml

from regen import artifacts, stage
from regen.errors import InputError, RunError
from regen.params.yaml_files import read_yaml
from regen.report.changes import flat

NOISE = Path("results/noise")
SCRATCH = Path(".dvc/tmp/noise")
NOT_COPIED = ("dvc.lock", "params.yaml", "reports/", "results/", "tests/")
"""What the scratch copy has of its own, or does not need."""
SEEDS = ("seed", "seeds", "training_seeds")
"""Keys of the settings that hold seeds; a number of seeds, which count from `seed`, stays as it is."""
STEP = 1_000_000
"""From a seed to the one in its place in the next run: above all seeds and numbers of seeds of a profile."""
PERSON = ("-c", "user.name=noise", "-c", "user.email=noise")


def measure_noise(
    profile: Annotated[Path, typer.Option(help="settings whose seeds are moved")] = Path(
        "profiles/quick.yaml"
    ),
    runs: Annotated[int, typer.Option(min=2, help="how many runs")] = 5,
    jobs: Annotated[int, typer.Option(min=0, help="cores to fill; 0: all")] = 0,
    command: Annotated[str, typer.Option(help="what runs the pipeline in a scratch copy")] = "",
) -> None:
    """Measure how much each metric varies over seeds; started again, it goes on."""
    settings = read_yaml(profile)
    check_seeds(settings, profile)
    own = [sys.executable, "-m", "regen.pipeline.cli", "run", "write_report", "--jobs", str(jobs)]
    words = shlex.split(command) or own
    found = []
    for number in range(1, runs + 1):
        print(f"run {number} of {runs}", flush=True)
        folder = SCRATCH / f"{profile.stem}-{number}"
        prepare(folder, moved(settings, number * STEP))
        found.append(run(folder, words))
    artifacts.write_csv(NOISE / f"{profile.stem}.csv", spread(found))


def moved(settings: Any, by: int) -> Any:
    """Settings with each of their seeds moved by as much."""
    if not isinstance(settings, dict):
        return settings
    return {
        key: _moved(key, value, by) if key in SEEDS else moved(value, by) for key, value in settings.items()
    }


def _moved(key: str, value: Any, by: int) -> Any:
    if isinstance(value, list):
        return [seed + by for seed in value]
    return value + by if key == "seed" and value is not None else value


def check_seeds(settings: Any, profile: Path) -> None:
    """Raise InputError where seeds of two runs could be the same."""
    for name, value in flat(settings).items():
        values = value if isinstance(value, list) else [value]
        known = [each for each in values if each is not None]
        if name.rpartition(".")[2] in SEEDS and max(known, default=0) >= STEP:
            raise InputError(f"{profile}: {name}: {value}: allowed here: below {STEP}")


# ---- a scratch copy --------------------------------------------------------------------------------------


def prepare(folder: Path, settings: Any) -> None:
    """Bring the scratch copy in `folder` up to date with the workspace; what was run in it stays."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet")
    files = listed(Path(), "--others", "--exclude-standard")
    for name in listed(folder) - files:  # copied before, and gone since
        (folder / name).unlink()
    for name in files:
        copy(Path(name), folder / name)
    params = yaml.safe_dump(settings, sort_keys=False)
    if not (folder / "params.yaml").exists() or (folder / "params.yaml").read_text() != params:
        artifacts.write_text(folder / "params.yaml", params)
    git(folder, "read-tree", "--empty")
    git(folder, "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul", given="\0".join(files))
    git(folder, *PERSON, "commit", "--quiet", "--allow-empty", "--message=As the workspace")


def listed(root: Path, *others: str) -> set[str]:
    """Files of a repository that are copied: those in git's index, and with more options `others`."""
    names = git(root, "ls-files", "-z", "--cached", *others).split("\0")
    return {name for name in names if name and not name.startswith(NOT_COPIED) and (root / name).is_file()}


def copy(source: Path, target: Path) -> None:
    """Copy a file, unless its copy is there and DVC, which looks at times, has nothing to read again."""
    if not target.exists() or target.read_bytes() != source.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def git(folder: Path, *args: str, given: str = "") -> str:
    """Output of a git command in `folder`, which reads `given`; RunError where it fails."""
    done = subprocess.run(["git", *args], cwd=folder, input=given, capture_output=True, text=True)
    if done.returncode:
        raise RunError(f"{folder}: git {args[0]}: {' '.join(done.stderr.split())}")
    return done.stdout


def run(folder: Path, command: Sequence[str]) -> dict[str, Any]:
    """Run the pipeline in a scratch copy, with the copy's own code; return its metrics by dotted name."""
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": "src"})
    if done.returncode:
        raise RunError(f"{folder}: {shlex.join(command)}: exit code {done.returncode}; start again to go on")
    return flat(artifacts.read_metrics(folder / artifacts.REPORT_METRICS))


def spread(found: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Mean and standard deviation of each metric over the runs in which it is a number, two at least."""
    rows = []
    for name in dict.fromkeys(name for metrics in found for name in metrics):
        values = [each[name] for each in found if isinstance(each.get(name), int | float)]
        if len(values) > 1:
            rows.append((name, fmean(values), stdev(values), len(values)))
    return pd.DataFrame(rows, columns=["metric", "mean", "deviation", "runs"])


if __name__ == "__main__":
    stage.run(measure_noise)
