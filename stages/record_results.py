"""Keep the results of the last `dvc repro` under results/NAME: python stages/record_results.py NAME.

Not a stage of the pipeline: a run worth keeping is recorded by hand (`make record NAME=...`).
"""

import json
import platform
import re
import shutil
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from regen import artifacts, stage
from regen.errors import InputError
from regen.params import read_params
from regen.training.device import select_device

PACKAGES = ("dvc", "torch", "torchvision", "torch-fidelity", "numpy", "pandas", "matplotlib")


def environment() -> dict[str, str | int]:
    """Return what the results were made with: versions, processor, device."""
    device = select_device(read_params().device)
    cuda = device.type == "cuda"
    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name() if cuda else device.type,
    }


def record_results(name: str) -> None:
    """Copy params, lock file, metrics, tables and figures to results/NAME, with versions and machine."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise InputError(f"NAME: {name!r}: should be of lower-case letters, digits, _ and -")
    if not artifacts.REPORT_METRICS.exists():
        raise InputError(f"{artifacts.REPORT_METRICS}: not there; run `dvc repro` first")
    made_with = environment()
    folder = Path("results") / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree("reports", folder)
    for file in ("params.yaml", "dvc.lock"):
        shutil.copy(file, folder)
    page = (folder / "README.md").read_text(encoding="utf-8")
    artifacts.write_text(folder / "README.md", page.replace("(../params.yaml)", "(params.yaml)"))
    artifacts.write_text(folder / "environment.json", json.dumps(made_with, indent=2) + "\n")


if __name__ == "__main__":
    stage.run(record_results)
