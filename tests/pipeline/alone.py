"""Stages, each in a folder of its own, forked from a process that has their libraries loaded.

    python -m pipeline.alone < stages.json

The file has `preload`, names of modules, and `stages`, pairs of a folder and a command. A stage works in its
folder, and leaves what it prints there, in stage.log. The exit codes are printed.
"""

import importlib
import json
import os
import runpy
import shlex
import sys
from pathlib import Path

SIDE_BY_SIDE = 2


def begin(folder: Path, command: str) -> int:
    """Fork a stage; return its process."""
    if process := os.fork():
        return process
    os.chdir(folder)
    os.environ["REGEN_CACHE"] = str(folder / "cache")
    log = os.open("stage.log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.path.insert(0, str(folder / "src"))
    _, *sys.argv = shlex.split(command)
    runpy.run_path(sys.argv[0], run_name="__main__")  # which ends the process
    raise AssertionError("a stage ends its process")


def main() -> None:
    """Run all stages, some side by side."""
    asked = json.load(sys.stdin)
    for module in asked["preload"]:
        importlib.import_module(module)
    codes: dict[str, int] = {}
    running: dict[int, str] = {}
    for folder, command in asked["stages"]:
        running[begin(Path(folder), command)] = folder
        if len(running) == SIDE_BY_SIDE:
            wait(running, codes)
    while running:
        wait(running, codes)
    print(json.dumps(codes))


def wait(running: dict[int, str], codes: dict[str, int]) -> None:
    """Wait until one of `running` has ended."""
    process, status = os.wait()
    codes[running.pop(process)] = os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
