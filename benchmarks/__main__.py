"""Run all benchmarks and print their table: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks import dirac, vae
from benchmarks.timing import HEADING, Timing, compare

ROOT = Path(__file__).parent.parent


def measure_nothing() -> list[Timing]:
    """Time `dvc repro` where everything is up to date; the warm-up brings it there."""

    def repro() -> None:
        subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=ROOT, check=True)

    return [compare("`dvc repro` with nothing to do", repro, None, target=3.0)]


def processor() -> str:
    """Return the processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def main() -> None:
    device = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} threads"
    )
    print(f"{processor()}, {device}; torch {torch.__version__}, Python {platform.python_version()}\n")
    print(HEADING)
    for measure in (vae.measure, dirac.measure, measure_nothing):
        for timing in measure():
            print(timing.row(), flush=True)


if __name__ == "__main__":
    main()
