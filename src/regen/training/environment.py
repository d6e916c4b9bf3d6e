"""What results and timings were made with: versions, processor, device."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("torch", "torchvision", "torch-fidelity", "numpy", "pandas", "matplotlib", "dvc")


def timing(
    seconds: float, steps: int, images: int, device: torch.device, precision: str
) -> dict[str, float | int | str]:
    """Duration of a training's steps and its rates, with the environment that they were measured in."""
    return {
        "seconds": seconds,
        "steps_per_second": steps / seconds,
        "images_per_second": images / seconds,
        **environment(device),
        "precision": precision,
    }


def environment(device: torch.device) -> dict[str, str | int]:
    """Versions of Python and of packages, operating system, processor and device."""
    return {
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device.type == "cuda" else device.type,
    }


def _version(package: str) -> str:
    """Version of a package; stages also run where DVC is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Name of the processor, from the operating system."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
