"""What stages have begun with, and which have made their outputs without being recorded yet.

A stage is recorded under the inputs that DVC hashes after it has run. Where they are no longer those that it
has read, its outputs belong to neither. And a stage that has ended, but could not be recorded, since a disk
was full or the engine was killed, need not run again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dvc.stage import Stage
from dvc_data.hashfile.hash_info import HashInfo

from regen.pipeline.task import FOLDER

Hashes = dict[str, Any]
"""Hashes of files and folders, values of settings, each by a name for readers."""


def inputs_of(stage: Stage) -> Hashes:
    """The command and what the stage depends on, as DVC has saved it last."""
    return {"its command": stage.cmd} | _hashes({dep.def_path: dep.hash_info for dep in stage.deps})


def changed(before: Hashes, now: Hashes) -> list[str]:
    """Names of the inputs that are not the same."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def note(stage: Stage) -> None:
    """Note that the stage's outputs are there, made from its inputs, both as DVC has saved them last.

    Raises:
        OSError: the disk is full, or not for writing.
    """
    path = _file(stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    outputs = _hashes({out.def_path: out.hash_info for out in stage.outs})
    part.write_text(json.dumps([inputs_of(stage), outputs]))
    part.replace(path)


def forget(stage: Stage) -> None:
    """Take the note back: the stage is recorded, or runs again."""
    _file(stage).unlink(missing_ok=True)


def is_noted(stage: Stage) -> bool:
    """Whether the stage's outputs, as they are now, are noted as made from its inputs as they are now.

    Nothing is saved in `stage`: DVC would take its outputs in dvc.lock for those of its inputs now.
    """
    try:
        noted = json.loads(_file(stage).read_text())
        inputs, outputs = (
            _hashes({one.def_path: one.get_hash() for one in some}) for some in (stage.deps, stage.outs)
        )
    except (OSError, ValueError):  # no note, half of one, or an output that is gone
        return False
    return bool(noted == [{"its command": stage.cmd} | inputs, outputs])


def _hashes(found: dict[str, HashInfo]) -> Hashes:
    """Values of hashes, each setting by a name of its own, as JSON has them."""
    named: Hashes = {}
    for path, value in ((path, info.value) for path, info in found.items()):
        named |= {f"{path}: {key}": value[key] for key in value} if isinstance(value, dict) else {path: value}
    plain: Hashes = json.loads(json.dumps(named, default=str))
    return plain


def _file(stage: Stage) -> Path:
    return FOLDER / "made" / f"{stage.addressing}.json"
