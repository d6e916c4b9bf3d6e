"""What a stage asks of the machine: `meta` of dvc.yaml, read into `Needs`, and the stage's tasks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dvc.stage import Stage

from regen.errors import InputError, suggest
from regen.pipeline.machine import MEMORY_PER_STAGE
from regen.pipeline.task import FOLDER, Needs, Task

UNITS = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
ALLOWED = {
    "cpus": "a whole number from 1",
    "gpu": "a whole number from 0",
    "memory": "a number and MiB, GiB or TiB, as in 2 GiB",
}
"""Keys of `meta`, and their values."""


def needs_of(stage: Stage, on_cuda: bool) -> Needs:
    """Needs of a stage; `gpu` counts where the run computes on CUDA.

    Raises:
        InputError: dvc.yaml's `meta` has an unknown key, or a value that is not allowed.
    """
    meta = stage.meta or {}
    where = f"dvc.yaml: stages: {stage.addressing}: meta"
    for key in meta:
        if key not in ALLOWED:
            raise InputError(f"{where}: {key}: unknown key; {suggest(key, list(ALLOWED))}")
    given = {key: _amount(f"{where}: {key}", key, value) for key, value in meta.items()}
    return Needs(
        cpus=given.get("cpus", 1),
        memory=given.get("memory", MEMORY_PER_STAGE),
        gpus=given.get("gpu", 0) if on_cuda else 0,
    )


def _amount(where: str, key: str, value: Any) -> int:
    """Cores, GPUs or bytes."""
    if key == "memory":
        found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([MGT]iB)", str(value))
        if found and float(found[1]) > 0:
            return int(float(found[1]) * UNITS[found[2]])
    elif type(value) is int and value >= (1 if key == "cpus" else 0):
        return value
    raise InputError(f"{where}: {value!r}: not {ALLOWED[key]}")


def task_of(stage: Stage, on_cuda: bool) -> Task:
    """Task of the stage's own command."""
    return Task(
        name=stage.addressing,
        command=stage.cmd,
        deps=tuple(Path(dep.def_path) for dep in stage.deps),
        outs=tuple(Path(out.def_path) for out in stage.outs),
        log=log_of(stage.addressing),
        needs=needs_of(stage, on_cuda),
    )


def seed_tasks(stage: Stage, on_cuda: bool) -> list[Task]:
    """One task for each seed of a run that has several, none for any other stage.

    A stage has seeds where a section of params.yaml that it depends on has a list of them. Each task leaves a
    finished checkpoint in the cache, from which the stage's own command then publishes.
    """
    whole = task_of(stage, on_cuda)
    seeds = [
        seed for dep in stage.params for section in dep.read_params().values() for seed in _seeds(section)
    ]
    return [
        Task(
            name=f"{whole.name} --seed {seed}",
            command=f"{whole.command} --seed {seed}",
            deps=whole.deps,
            outs=(),
            log=log_of(f"{whole.name}-seed-{seed}"),
            needs=whole.needs,
        )
        for seed in seeds
    ]


def _seeds(section: Any) -> list[int]:
    seeds = section.get("seeds") if isinstance(section, dict) else None
    return seeds if isinstance(seeds, list) and len(seeds) > 1 else []


def log_of(name: str) -> Path:
    """Where a task's output goes."""
    return FOLDER / f"{name}.log"
