"""Tasks as children of this machine.

The first few start as any Python script does. The others are forked, in milliseconds, from a server that has
libraries loaded, which takes as long as a few scripts take to load theirs.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType

from regen.pipeline.node import guarded
from regen.pipeline.progress import last_line
from regen.pipeline.task import Running, Task

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
FEW = 6
"""Tasks that start without the server: it takes 8 s of one core to load, and spares a task 1 to 3 s."""
PATIENCE = 10.0  # seconds that a child has to end itself


@dataclass(eq=False)
class Child:
    """A task that runs in a child process."""

    task: Task
    process: BaseProcess
    gpus: tuple[str, ...]
    """Those that it has for itself."""
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
        return last_line(self.task.log)


class Children:
    """Room on this machine, a `Place`.

    Args:
        jobs: cores, one for each task that asks for no more.
        threads: of each task.
        memory: bytes that tasks may ask for together.
        gpus: CUDA devices, as CUDA_VISIBLE_DEVICES names them; each is for one task at a time.
    """

    def __init__(self, jobs: int, threads: int, memory: int, gpus: Sequence[str] = ()) -> None:
        self.jobs = jobs
        self.threads = threads
        self.memory = memory
        self.gpus = gpus
        self.children: list[Child] = []
        self.started = 0
        self.plain = multiprocessing.get_context("spawn")
        self.server = multiprocessing.get_context("forkserver")
        self.server.set_forkserver_preload(PRELOAD)

    def has_room(self, task: Task, running: list[Running]) -> bool:
        """Whether `task` may start beside those that run; alone it always may."""
        needs = [task.needs, *(other.task.needs for other in running)]
        return not running or (
            sum(need.cpus for need in needs) <= self.jobs
            and sum(need.memory for need in needs) <= self.memory
            and sum(need.gpus for need in needs) <= len(self.gpus)
        )

    def start(self, task: Task) -> Child:
        """Start a task in the working directory."""
        task.log.parent.mkdir(parents=True, exist_ok=True)
        task.published.unlink(missing_ok=True)
        self.children = [child for child in self.children if child.exit_code is None]
        taken = {gpu for child in self.children for gpu in child.gpus}
        gpus = tuple(gpu for gpu in self.gpus if gpu not in taken)[: task.needs.gpus]
        context = self.plain if self.started < FEW else self.server
        process = context.Process(target=_run, args=(task, self.threads, gpus))
        with _without_main(), _without_interrupt():
            process.start()
        self.started += 1
        child = Child(task, process, gpus, time.monotonic())
        self.children.append(child)
        return child

    def wait(self, running: list[Running], seconds: float) -> None:
        """Return when one of `running` has ended, after `seconds` at the latest."""
        wait([child.process.sentinel for child in self.children if child in running], timeout=seconds)

    def stop(self, running: list[Running]) -> None:
        """End children: asked first, forced after PATIENCE seconds."""
        children = [child for child in self.children if child in running]
        for child in children:
            child.process.terminate()
        until = time.monotonic() + PATIENCE
        for child in children:
            child.process.join(max(0.0, until - time.monotonic()))
            child.process.kill()
            child.process.join()

    def forget(self, task: Task) -> None:
        """Remove the checkpoints of the runs that it has published."""
        from regen.artifacts.paths import checkpoints_dir  # pandas comes along, in each task too

        if task.published.exists():
            for name in task.published.read_text().splitlines():
                shutil.rmtree(checkpoints_dir() / Path(name).name, ignore_errors=True)
            task.published.unlink()


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the main module from multiprocessing, which would import it, and DVC with it, in each child."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Have processes that start in the block, and theirs, hear no SIGINT.

    Of a terminal's Ctrl-C, which all of its processes get, the engine tells them, by `stop`.
    """
    resource_tracker.ensure_running()  # multiprocessing's own process; what starts it lifts the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(task: Task, threads: int, gpus: tuple[str, ...]) -> None:
    """Body of the child: the task's command, in this process where it is a Python script."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    descriptor = os.open(task.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)  # by the line, so that an error comes last
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["REGEN_PUBLISHED"] = str(task.published.absolute())
    os.environ["REGEN_BAR"] = "1"  # bars of trainings go to the log, in which the engine looks for them
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    words = shlex.split(task.command)
    if words[0] != "python" or not words[1].endswith(".py"):
        process = subprocess.Popen(task.command, shell=True, start_new_session=True)
        with guarded(process.pid):
            sys.exit(process.wait())
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)  # OMP_NUM_THREADS was read when the server loaded it
    sys.argv = words[1:]
    sys.path.insert(0, str(Path(words[1]).parent))
    runpy.run_path(words[1], run_name="__main__")


def _end_with_parent() -> None:
    """End this process when the engine is gone, killed or not: nobody would record what it makes."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
