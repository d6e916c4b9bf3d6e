"""The scratch workspace in which the stages of dvc.yaml run without DVC, and what dvc.yaml says of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from functools import cache, reduce
from pathlib import Path
from typing import Any

from benchmarks.gpu_day.profile import ROOT, Profile
from regen import artifacts
from regen.artifacts.paths import cache_dir
from regen.params.yaml_files import read_yaml
from regen.training.checkpoint import Checkpoint

LINKED = ("dvc.yaml", "src", "stages")
"""What the stages, and the keys of their checkpoints, are read from."""
TRAINING = ("train_gan", "train_vae", "train_realnvp", "train_translator")
"""Stages whose code is checked and timed."""


def prepare(folder: Path, profile: Profile) -> None:
    """Make `folder` a workspace with the profile's settings; what was made in it stays."""
    for name in LINKED:
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink() or link.readlink() != ROOT / name:
            link.unlink(missing_ok=True)
            link.symlink_to(ROOT / name)
    artifacts.write_text(folder / "params.yaml", profile.params_path.read_text(encoding="utf-8"))
    downloads, shared = folder / "cache" / "downloads", cache_dir() / "downloads"
    if not downloads.exists():
        shared.mkdir(parents=True, exist_ok=True)
        downloads.parent.mkdir(exist_ok=True)
        downloads.unlink(missing_ok=True)
        downloads.symlink_to(shared)


def environment(folder: Path) -> dict[str, str]:
    """Environment of what runs in the workspace: its own checkpoints, this repository's code."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "REGEN_CACHE": str(folder / "cache"), "PYTHONPATH": path}


# ---- what dvc.yaml says ----------------------------------------------------------------------------------


@cache  # it takes a second to parse
def _stages() -> dict[str, dict[str, Any]]:
    stages: dict[str, dict[str, Any]] = read_yaml(ROOT / "dvc.yaml")["stages"]
    return {name: entry.get("do", entry) for name, entry in stages.items()}


def outputs(stage: str, item: str) -> list[Path]:
    """Files and folders that `stage` makes of `item`."""
    does = _stages()[stage]
    names = [
        next(iter(out)) if isinstance(out, dict) else out
        for key in ("outs", "plots")
        for out in does.get(key, [])
    ]
    return [Path(name.replace("${key}", item).replace("${item}", item)) for name in names]


def clear(root: Path, stage: str, item: str) -> None:
    """Remove what `stage` has made of `item` in `root` before, as DVC does before it runs a stage."""
    for out in outputs(stage, item):
        shutil.rmtree(root / out, ignore_errors=True)
        if (root / out).is_file():
            (root / out).unlink()


def files(root: Path, stage: str, item: str) -> list[Path]:
    """Files that `stage` has made of `item` in `root`, relative to it."""
    found = []
    for out in outputs(stage, item):
        inside = (root / out).rglob("[!.]*") if (root / out).is_dir() else [root / out]
        found += [path.relative_to(root) for path in inside if path.is_file()]
    return found


@cache
def code(*stages: str) -> str:
    """Digest of the code that the results of `stages` depend on: their dependencies that are no data."""
    digest = hashlib.sha256()
    deps = {
        dep for stage in stages for dep in _stages()[stage]["deps"] if "${" not in dep and dep[:5] != "data/"
    }
    for dep in sorted(deps):
        path = ROOT / dep
        inside = path.rglob("*.py") if path.is_dir() else [path]
        for file in sorted(inside):
            digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def key(stage: str, item: str, params: Path) -> str:
    """Key of the code and the settings in `params` that `stage` depends on for `item`.

    Unlike the key of a checkpoint it is the same for every version of torch and every device: it tells
    whether a result is that of this repository, wherever it was computed.
    """
    content = read_yaml(params)
    names = [name.replace("${key}", item) for name in _stages()[stage].get("params", [])]
    settings = {name: reduce(lambda part, step: part[step], name.split("."), content) for name in names}
    return hashlib.sha256((json.dumps(settings, sort_keys=True) + code(stage)).encode()).hexdigest()[:16]


def measured_key(profile: Profile) -> str:
    """Key of what checks and table depend on: the code of all trainings, and all settings."""
    day = profile.day.model_dump(include={"checks", "table"})
    settings = json.dumps([day, profile.params.model_dump()], sort_keys=True)
    return hashlib.sha256((settings + code(*TRAINING)).encode()).hexdigest()[:16]


# ---- checkpoints -----------------------------------------------------------------------------------------


def checkpoints(folder: Path) -> list[Path]:
    """Checkpoints of trainings that have not ended, relative to `folder`."""
    return sorted(path.relative_to(folder) for path in folder.glob("cache/checkpoints/*/state.pt"))


def steps_done(folder: Path, run: str) -> int:
    """Steps of `run`, over its seeds, that checkpoints hold."""
    found = [path.parent for path in checkpoints(folder) if path.parent.name.startswith(f"{run}-seed-")]
    states = [Checkpoint(folder / path).load() for path in found]
    return sum(state["fitted"]["step"] for state in states if state)
