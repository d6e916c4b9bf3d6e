"""The engine against `dvc repro`: nothing to do, and the bookkeeping of a pipeline of many stages."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import Timing, compare

ROOT = Path(__file__).parent.parent
STAGES = 78
REGEN = ("-m", "regen.pipeline.cli", "run", "--jobs", "2")
DVC = ("-m", "dvc", "repro", "--quiet")
SCRIPT = """
import sys
from pathlib import Path
import torch
Path(sys.argv[1]).write_text(Path("source.txt").read_text())
"""


def measure() -> list[Timing]:
    """Time both here, where all is up to date after the warm-up, and on STAGES stages that do nothing."""
    with tempfile.TemporaryDirectory() as folder:
        toy = Path(folder)
        make_toy(toy)
        return [
            compare(
                "`regen run` with nothing to do, against `dvc repro`",
                lambda: _run(REGEN, ROOT),
                lambda: _run(DVC, ROOT),
                target="1.5 s",
            ),
            compare(
                f"{STAGES} stages that import torch and write a line, against `dvc repro`",
                lambda: _anew(REGEN, toy),
                lambda: _anew(DVC, toy),
                target="12 s",
                repeats=1,
            ),
        ]


def make_toy(root: Path) -> None:
    """Make a repository of STAGES stages which depend on one file and on as much code as a training does."""
    (root / "stages").mkdir()
    (root / "stages/write.py").write_text(SCRIPT)
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    deps = "".join(f"      - {path}\n" for path in sorted(ROOT.glob("src/regen/training/*.py")))
    stages = (
        f"  write-{number}:\n    cmd: python stages/write.py {number}.txt\n    deps:\n      - source.txt\n"
        f"{deps}    outs:\n      - {number}.txt\n"
        for number in range(STAGES)
    )
    (root / "dvc.yaml").write_text("stages:\n" + "".join(stages))
    for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=root, check=True)


def _anew(command: tuple[str, ...], root: Path) -> None:
    """Run all stages of the toy: its source is another each time, as the run-cache knows the old ones."""
    source = root / "source.txt"
    source.write_text(f"{source.read_text() if source.exists() else ''}again\n")
    _run(command, root)


def _run(command: tuple[str, ...], root: Path) -> None:
    subprocess.run([sys.executable, *command], cwd=root, check=True, stdout=subprocess.DEVNULL)
