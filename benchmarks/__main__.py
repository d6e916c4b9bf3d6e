"""Run all benchmarks and print their table: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import dirac, fidelity, figures, flow, gan, imagenette, vae, vae_images
from benchmarks.timing import HEADING, Timing, compare
from regen.environment import environment
from regen.training.device import select_device

ROOT = Path(__file__).parent.parent


def measure_nothing() -> list[Timing]:
    """Time `dvc repro` where everything is up to date; the warm-up brings it there."""

    def repro() -> None:
        subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet"], cwd=ROOT, check=True)

    return [compare("`dvc repro` with nothing to do", repro, None, target="3 s")]


def main() -> None:
    made_with = environment(select_device("auto", "auto"))
    print(
        ", ".join(f"{key}: {made_with[key]}" for key in ("processor", "threads", "device", "torch", "python"))
    )
    print()
    print(HEADING)
    for measure in (
        vae.measure,
        vae_images.measure,
        figures.measure,
        imagenette.measure,
        dirac.measure,
        flow.measure,
        gan.measure,
        fidelity.measure,
        measure_nothing,
    ):
        for timing in measure():
            print(timing.row(), flush=True)


if __name__ == "__main__":
    main()
