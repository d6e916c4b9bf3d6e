"""Modules that run as `python -m` runs them, without the seconds that DVC takes to load.

Each is forked from a process that has DVC loaded, and nothing of this project: a clone has its own code.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory


def run_module(
    name: str, args: Sequence[str], folder: Path, env: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a module in `folder`, in that environment; return its exit code and what it has printed."""
    with TemporaryDirectory() as scratch:
        files = [Path(scratch, stream) for stream in ("out", "errors")]
        server = _server()
        assert server.stdin is not None
        assert server.stdout is not None
        asked = [name, *args], str(folder), dict(env), [str(file) for file in files]
        server.stdin.write(f"{json.dumps(asked)}\n")
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess([name, *args], code, *(file.read_text() for file in files))


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process that forks; it ends when this one's end of its pipe is closed."""
    return subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def main() -> None:
    """Load DVC; fork what each line asks for."""
    from dvc.cli.parser import get_main_parser

    get_main_parser()  # loads all of its commands
    for line in sys.stdin:
        process = os.fork()
        if not process:
            become(*json.loads(line))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(command: list[str], folder: str, env: dict[str, str], files: list[str]) -> None:
    """Be the module from here on; ends the process."""
    for number, name in enumerate((os.devnull, *files)):
        opened = os.open(name, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    own = [str(Path(path).resolve()) for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = [folder, *own]
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    del sys.path[0]  # this folder
    main()
