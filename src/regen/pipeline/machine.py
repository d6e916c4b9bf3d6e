"""What this machine, or the container, has for stages: cores and memory."""

from __future__ import annotations

import os
from pathlib import Path

import joblib
import psutil

MEMORY_PER_JOB = 2 << 30  # bytes: the largest stages of the quick profile take about one GiB
CGROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Version 2's and version 1's."""


def cores() -> int:
    """Cores that this process may use: its affinity and its container's quota are heeded."""
    return int(joblib.cpu_count())


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's limit."""
    limits = [int(text) for path in CGROUP_LIMITS if (text := _read(Path(path))).isdigit()]
    return min([psutil.virtual_memory().total, *limits])


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def default_jobs(device: str) -> int:
    """Stages at a time where `device` of params.yaml is cpu: one a core, while memory lasts; else one.

    Nothing shares out an accelerator's memory among stages.
    """
    return max(1, min(cores(), memory() // MEMORY_PER_JOB)) if device == "cpu" else 1


def threads_of(jobs: int) -> int:
    """Threads of each of `jobs` stages, so that they share the cores; REGEN_THREADS overrides it."""
    return int(os.environ.get("REGEN_THREADS") or max(1, cores() // jobs))
