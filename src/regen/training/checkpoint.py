"""Checkpoints: all that a killed run needs to go on as if nothing had happened.

They lie in the cache folder, under a key of everything that the result depends on, and not among the outputs
of the stage, which DVC deletes before it runs the stage again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from regen.artifacts import atomic_path
from regen.artifacts.paths import cache_dir
from regen.errors import InputError, RunError
from regen.params.yaml_files import read_yaml


def fingerprint(settings: Any, files: Iterable[Path]) -> str:
    """Return a key of `settings`, plain data, and of the content of `files`: equal keys, equal results."""
    digest = hashlib.sha256(json.dumps([settings, torch.__version__], sort_keys=True).encode())
    for path in sorted(files):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def sources(stage: str) -> list[Path]:
    """Files of code that `stage` of dvc.yaml depends on, and a checkpoint of it, too.

    Raises:
        InputError: dvc.yaml is not there, or has no such stage.
    """
    stages = read_yaml(Path("dvc.yaml"))["stages"]
    if stage not in stages:
        raise InputError(f"dvc.yaml: no stage {stage!r}")
    entry = stages[stage]
    code = [Path(dep) for dep in entry.get("do", entry)["deps"] if dep.startswith(("src/", "stages/"))]
    return [file for path in code for file in (path.rglob("*.py") if path.is_dir() else [path])]


def rng_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of torch's global generators: the CPU's, and the one that `device` has."""
    state = {"cpu": torch.get_rng_state()}
    if device.type != "cpu":
        state[device.type] = torch.get_device_module(device).get_rng_state()
    return state


def set_rng_state(state: Mapping[str, torch.Tensor], device: torch.device) -> None:
    """Put torch's global generators back where `rng_state` found them."""
    torch.set_rng_state(state["cpu"])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(state[device.type])


@dataclass(frozen=True)
class Checkpoint:
    """One run's checkpoint: a folder that holds the last good state."""

    folder: Path

    @classmethod
    def of(cls, run: str, key: str) -> Checkpoint:
        """Return the checkpoint of `run` under the `fingerprint` `key`."""
        return cls(cache_dir() / "checkpoints" / f"{run}-{key}")

    @property
    def path(self) -> Path:
        """The file of the last good state."""
        return self.folder / "state.pt"

    def save(self, state: Mapping[str, Any]) -> None:
        """Publish `state`, nested dicts and lists of tensors, numbers and strings, in place of the last.

        Raises:
            RunError: the cache folder cannot be written to.
        """
        try:
            with atomic_path(self.path) as part:
                torch.save(dict(state), part)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error}); name another REGEN_CACHE") from None

    def load(self) -> dict[str, Any] | None:
        """Return the last good state, or None where there is none.

        Raises:
            InputError: the file is damaged, or holds anything but plain data.
        """
        if not self.path.exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as archive:  # torch.load does not look at the checksums
                if part := archive.testzip():
                    raise zipfile.BadZipFile(f"wrong checksum of {part}")
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # unpickling fails in many ways, and none of them is worth a traceback
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{self.path}: damaged checkpoint ({reason}); remove it to start the run anew"
            ) from None
        return state

    def remove(self) -> None:
        """Remove the checkpoint: the run's results are published."""
        shutil.rmtree(self.folder, ignore_errors=True)
