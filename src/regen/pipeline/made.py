"""What stages have begun with, and which have made their outputs without being recorded yet.

A stage is recorded under the inputs that DVC hashes after it has run. Where they are no longer those that it
has read, its outputs belong to neither. And a stage that has ended, but could not be recorded, since a disk
was full or the engine was killed, must not run again: a training has given its checkpoint away by then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dvc.stage import Stage

from regen.pipeline.task import FOLDER

Inputs = dict[str, Any]
"""The command, hashes of files and folders, values of settings, each by a name for readers."""


def inputs_of(stage: Stage) -> Inputs:
    """What the stage depends on, as it is now.

    Raises:
        DvcException: an input is not there.
    """
    stage.save_deps()
    found: Inputs = {"its command": stage.cmd}
    for dep in stage.deps:
        value = dep.hash_info.value
        if isinstance(value, dict):
            found |= {f"{dep.def_path}: {key}": setting for key, setting in value.items()}
        else:
            found[dep.def_path] = value
    plain: Inputs = json.loads(json.dumps(found, default=str))
    return plain


def changed(before: Inputs, now: Inputs) -> list[str]:
    """Names of the inputs that are not the same."""
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def note(stage: Stage, inputs: Inputs) -> None:
    """Note that the stage's outputs are there, made from `inputs`.

    Raises:
        OSError: the disk is full, or not for writing.
    """
    path = _file(stage)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(inputs))
    part.replace(path)


def forget(stage: Stage) -> None:
    """Take the note back: the stage is recorded, or runs again."""
    _file(stage).unlink(missing_ok=True)


def is_noted(stage: Stage) -> bool:
    """Whether the stage's outputs are there, made from its inputs as they are now, and not recorded."""
    try:
        inputs = json.loads(_file(stage).read_text())
    except (OSError, ValueError):
        return False
    return all(out.exists for out in stage.outs) and inputs == inputs_of(stage)


def _file(stage: Stage) -> Path:
    return FOLDER / "made" / f"{stage.addressing}.json"
