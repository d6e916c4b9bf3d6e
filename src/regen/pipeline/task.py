"""What the engine runs, and where: a task is a command of a stage, a place starts it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

FOLDER = Path(".dvc/tmp/regen")
"""What runs leave for themselves, logs first of all: with the clone, out of git."""


@dataclass(frozen=True)
class Needs:
    """What a task asks of the machine that it runs on; `meta` of its stage in dvc.yaml says so."""

    cpus: int = 1
    memory: int = 0
    """Bytes."""
    gpus: int = 0
    """Asked for where the run computes on CUDA."""


@dataclass(frozen=True)
class Task:
    """One command, run once."""

    name: str
    """The stage, as DVC addresses it; of a single seed, `<stage> --seed <n>`."""
    command: str
    deps: tuple[Path, ...]
    """Files and folders that it reads, relative to the repository."""
    outs: tuple[Path, ...]
    """Files and folders that it writes, relative to the repository; none of a single seed."""
    log: Path
    """Its stdout and stderr."""
    needs: Needs = Needs()

    @property
    def published(self) -> Path:
        """Where it names the checkpoints that nobody needs once the stage is recorded, a folder a line."""
        return self.log.with_suffix(".published")


class Running(Protocol):
    """A task that was started."""

    task: Task

    @property
    def exit_code(self) -> int | None:
        """None while it runs; 128 and the signal's number where one ended it, as shells have it."""

    @property
    def seconds(self) -> float:
        """Time since its start."""

    def last_line(self) -> str:
        """Last line of its log."""


class Place(Protocol):
    """Where tasks run: children of this machine, or a cluster."""

    def has_room(self, task: Task, running: list[Running]) -> bool:
        """Whether `task` may start beside those that run."""

    def start(self, task: Task) -> Running:
        """Start a task."""

    def wait(self, running: list[Running], seconds: float) -> None:
        """Return when one of `running` has ended, after `seconds` at the latest."""

    def stop(self, running: list[Running]) -> None:
        """End tasks: asked first, forced after a while."""

    def forget(self, task: Task) -> None:
        """Remove what another start of a stage's own task would go on from."""
