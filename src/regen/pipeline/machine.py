"""What this machine, or the container, has for stages: cores, memory and GPUs."""

from __future__ import annotations

import math
import os
from pathlib import Path

import psutil

from regen.errors import InputError

MEMORY_PER_STAGE = 2 << 30  # bytes: the largest of the quick profile take about one GiB
MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""A container's, of version 2 and version 1 of cgroups, in bytes."""
CPU_QUOTAS = (
    ("/sys/fs/cgroup/cpu.max",),
    ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
)
"""The same of its time on cores: microseconds in each period, and the period."""


def cores() -> int:
    """Cores that this process may use: its affinity and its container's quota are heeded."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([allowed, *(limit for files in CPU_QUOTAS if (limit := _quota(files)))])


def _quota(files: tuple[str, ...]) -> int:
    """Cores of a quota, rounded up; 0 where there is none."""
    words = " ".join(_read(Path(file)) for file in files).split()
    if len(words) != 2 or not all(word.isdigit() and int(word) for word in words):
        return 0  # 'max' in version 2, -1 in version 1
    return math.ceil(int(words[0]) / int(words[1]))


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's limit."""
    limits = [int(text) for path in MEMORY_LIMITS if (text := _read(Path(path))).isdigit()]
    return min([psutil.virtual_memory().total, *limits])


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def gpus() -> list[str]:
    """CUDA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch  # a second, which only runs on CUDA pay

    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    count = torch.cuda.device_count()
    return names[:count] if names != [""] else [str(number) for number in range(count)]


def kind_of(device: str, precision: str) -> str:
    """Kind of device, cpu, cuda or mps, that params.yaml's `device` is on this machine."""
    if device != "auto":
        return device
    from regen.training.device import select_device

    return select_device(device, precision).type


def default_jobs(kind: str) -> int:
    """Stages at a time: one a core, while memory lasts; one in all on MPS, whose memory is not shared out."""
    return 1 if kind == "mps" else max(1, min(cores(), memory() // MEMORY_PER_STAGE))


def threads_of(jobs: int) -> int:
    """Threads of each of `jobs` stages, so that they share the cores; REGEN_THREADS overrides it."""
    return threads_or(max(1, cores() // jobs))


def threads_or(default: int) -> int:
    """Threads of a stage: REGEN_THREADS, else the default; InputError if that is no number from 1."""
    given = os.environ.get("REGEN_THREADS") or str(default)
    if not given.isdecimal() or int(given) < 1:
        raise InputError(f"REGEN_THREADS: {given!r}: not allowed; allowed: a whole number from 1")
    return int(given)
