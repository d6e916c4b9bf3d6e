"""Checkpoints: all that a killed run needs to go on as if nothing had happened.

They lie in the cache folder, under a key of everything that the result depends on, and not among the outputs
of the stage, which DVC deletes before it runs the stage again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import torch

from regen.artifacts import atomic_path
from regen.artifacts.paths import checkpoints_dir
from regen.errors import InputError, RunError, WriteError
from regen.params.yaml_files import read_yaml


def fingerprint(stage: str, run: str, *more: str | int) -> str:
    """Key of all that the result of `stage` of dvc.yaml for `run` depends on: equal keys, equal results.

    Those are the files and the values of params.yaml that dvc.yaml lists, and `more`: what it cannot know,
    such as the device that `auto` stands for. `seed` and a run's `seeds` are left out: each has a checkpoint
    of its own.

    Raises:
        InputError: dvc.yaml has no such stage, or a file that the stage depends on is not there.
    """
    deps, settings = _inputs(stage, run)
    digest = hashlib.sha256(json.dumps([settings, torch.__version__, *more], sort_keys=True).encode())
    for path in sorted(file for dep in deps for file in _files(dep)):
        digest.update(str(path).encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _inputs(stage: str, run: str) -> tuple[list[Path], dict[str, Any]]:
    """Files that `stage` depends on for `run`, and the settings by key, as dvc.yaml lists them."""
    stages, params = read_yaml(Path("dvc.yaml"))["stages"], read_yaml(Path("params.yaml"))
    if stage not in stages:
        raise InputError(f"dvc.yaml: no stage {stage!r}")
    entry = stages[stage]
    items = _value(params, entry["foreach"].strip("${}")) if "foreach" in entry else {}
    item: Any = items[run] if isinstance(items, dict) and run in items else run

    def filled(text: str) -> str:
        text = text.replace("${key}", run).replace("${item}", str(item))
        return re.sub(r"\$\{item\.(\w+)\}", lambda match: str(item[match[1]]), text)

    does = entry.get("do", entry)
    deps = [Path(filled(dep)) for dep in does["deps"]]
    return deps, {key: _value(params, key) for key in map(filled, does["params"]) if key != "seed"}


def _value(params: Any, key: str) -> Any:
    """Value of a dotted key; of a section without its `seeds`."""
    value = reduce(lambda section, step: section[step], key.split("."), params)
    return {name: value[name] for name in value if name != "seeds"} if isinstance(value, dict) else value


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise InputError(f"{path}: not there; run the stage that makes it: dvc repro")
    inside = path.rglob("*") if path.is_dir() else [path]
    return [file for file in inside if file.is_file() and "__pycache__" not in file.parts]


def rng_state(device: torch.device) -> dict[str, torch.Tensor]:
    """States of torch's global generators: the CPU's, and the one that `device` has."""
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
        """Checkpoint of `run` under the `fingerprint` `key`."""
        return cls(checkpoints_dir() / f"{run}-{key}")

    @property
    def path(self) -> Path:
        """The file of the last good state."""
        return self.folder / "state.pt"

    def save(self, state: Mapping[str, Any]) -> None:
        """Publish `state`, nested dicts and lists of tensors, numbers and strings, in place of the last.

        Raises:
            RunError: the cache folder cannot be written to.
        """
        for last in (False, True):  # another clone with this cache may have published the run, and removed it
            try:
                with atomic_path(self.path) as part:
                    torch.save(dict(state), part)
                return
            except WriteError as error:
                if last or self.folder.exists():
                    raise RunError(f"{error}; name another REGEN_CACHE") from None

    def load(self) -> dict[str, Any] | None:
        """Last good state, or None where there is none.

        Raises:
            InputError: the file is damaged, or holds anything but plain data.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:  # torch.load does not look at the checksums
                if part := archive.testzip():
                    raise zipfile.BadZipFile(f"wrong checksum of {part}")
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except (FileNotFoundError, NotADirectoryError):  # or another clone has just published the run
            return None
        except Exception as error:  # unpickling fails in many ways, and none of them is worth a traceback
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"{self.path}: damaged checkpoint ({reason}); remove it to start the run anew"
            ) from None
        return state

    def remove(self) -> None:
        """Remove the checkpoint: the run's results are published.

        Where the environment names a file as REGEN_PUBLISHED, the folder's name is added to it instead, for
        who set it to remove the folder once the results are recorded.

        Raises:
            RunError: that file cannot be written.
        """
        published = os.environ.get("REGEN_PUBLISHED")
        if not published:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        try:
            with Path(published).open("a") as file:
                file.write(f"{self.folder.name}\n")
        except OSError as error:
            raise RunError(f"{published}: not written: {error.strerror}") from None
