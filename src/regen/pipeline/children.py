"""A stage in a child process that starts in milliseconds, forked from a server that has libraries loaded."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import shlex
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

PRELOAD = [
    "matplotlib.pyplot",
    "pandas",
    "pydantic",
    "safetensors.torch",
    "sklearn.datasets",
    "torch",
    "torch_fidelity",
    "torchvision",
    "tqdm",
    "typer",
]
"""Slow imports of stages: third parties only, and none that starts a thread or an operation."""
PATIENCE = 10.0  # seconds that a child has to end itself


@dataclass
class Child:
    """A command that runs."""

    process: BaseProcess
    log: Path
    """Its stdout and stderr."""
    began: float
    """By time.monotonic."""

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 and the signal's number where one ended it, as shells have it."""
        code = self.process.exitcode
        return code if code is None or code >= 0 else 128 - code

    @property
    def seconds(self) -> float:
        """Time since its start."""
        return time.monotonic() - self.began

    def last_line(self) -> str:
        """Last line of its log."""
        lines = self.log.read_text(errors="replace").split("\n") if self.log.exists() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def server() -> multiprocessing.context.ForkServerContext:
    """Context whose processes are forks of one that has PRELOAD loaded."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    return context


def start(context: multiprocessing.context.ForkServerContext, command: str, log: Path, threads: int) -> Child:
    """Run `command` in a child of the working directory, its output going to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    process = context.Process(target=_run, args=(command, str(log), threads))
    process.start()
    return Child(process, log, time.monotonic())


def wait_for_any(children: list[Child], seconds: float) -> None:
    """Return when one of the children has ended, after `seconds` at the latest."""
    wait([child.process.sentinel for child in children], timeout=seconds)


def stop(children: list[Child]) -> None:
    """End the children: asked first, forced after PATIENCE seconds."""
    for child in children:
        child.process.terminate()
    for child in children:
        child.process.join(PATIENCE)
        child.process.kill()
        child.process.join()


def _run(command: str, log: str, threads: int) -> None:
    """Body of the child: `command`, in this process where it is a Python script."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    words = shlex.split(command)
    if words[0] != "python" or not words[1].endswith(".py"):
        sys.exit(subprocess.run(command, shell=True).returncode)
    import torch

    torch.set_num_threads(threads)  # OMP_NUM_THREADS was read when the server loaded torch
    sys.argv = words[1:]
    sys.path.insert(0, str(Path(words[1]).parent))
    runpy.run_path(words[1], run_name="__main__")


def _end_with_parent() -> None:
    """End this process when the engine is gone, killed or not: nobody would record what it makes."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
