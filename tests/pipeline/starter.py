"""Processes of Python that start in milliseconds: forked from one that has libraries loaded.

They have nothing of this project loaded beforehand, whose code each clone has of its own.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory


class Starter:
    """A process that loads some modules and forks what it is asked for, one at a time.

    What libraries read from their environment while they are loaded they read from `env`; None: this
    process's. It ends when this process's end of its pipe is closed.
    """

    def __init__(self, modules: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        pipe = subprocess.PIPE
        self.server = subprocess.Popen(
            [sys.executable, __file__, *modules], stdin=pipe, stdout=pipe, text=True, bufsize=1, env=env
        )

    def run(
        self, words: Sequence[str], folder: Path, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run `python WORDS`, a script or `-m` a module, in `folder`, in that environment."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        with TemporaryDirectory() as scratch:
            files = [Path(scratch, stream) for stream in ("out", "errors")]
            asked = list(words), str(folder), dict(env), [str(file) for file in files]
            self.server.stdin.write(f"{json.dumps(asked)}\n")
            code = int(self.server.stdout.readline())
            return subprocess.CompletedProcess(words, code, *(file.read_text() for file in files))


def main() -> None:
    """Load what the command line names; fork what each line of the input asks for."""
    for module in sys.argv[1:]:
        importlib.import_module(module)
    gc.freeze()  # else each process that is forked copies what it collects, which is nothing
    gc.set_threshold(50_000)
    for line in sys.stdin:
        process = os.fork()
        if not process:
            become(*json.loads(line))
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(words: list[str], folder: str, env: dict[str, str], files: list[str]) -> None:
    """Be another Python from here on; ends the process."""
    for number, name in enumerate((os.devnull, *files)):
        opened = os.open(name, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    own = [str(Path(path).resolve()) for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = [folder, *own]
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")
    sys.exit()


if __name__ == "__main__":
    del sys.path[0]  # this folder
    main()
