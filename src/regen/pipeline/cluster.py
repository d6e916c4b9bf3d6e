"""Tasks on the nodes of a Ray cluster, which share no file system.

A node gets the bytes that a task reads, and sends its log, its checkpoints and its outputs as they come
(`regen.pipeline.node`). A task whose node dies starts again on another, from its last checkpoint.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regen.artifacts.paths import cache_dir
from regen.errors import RunError
from regen.pipeline import node
from regen.pipeline.connection import can_hold, connected, in_words, line_of, live_nodes, ray, resources
from regen.pipeline.machine import threads_or
from regen.pipeline.node import Event, Job, digest_of, files_of, remove, write
from regen.pipeline.parcels import Contents, publish, require_inside, tracked_files, verified
from regen.pipeline.progress import last_line
from regen.pipeline.task import Running, Task

ATTEMPTS = 4  # starts of a task whose nodes die


@contextmanager
def cluster(address: str, not_sent: Iterable[Path] = ()) -> Iterator[Cluster]:
    """Connect to a cluster; errors as of `connected`.

    Files of git that are `not_sent`, or below such a folder, are left out of the nodes' copies.
    """
    with connected(address):
        yield Cluster(tracked_files(tuple(not_sent)))


def kept_of(task: Task) -> Path:
    """Folder of the checkpoints of a stage, those of its seeds' tasks too, on the driver's machine.

    Clones that share a cache have each their own.
    """
    clone = digest_of(str(Path.cwd()).encode())[:16]
    return cache_dir() / "cluster" / "checkpoints" / clone / task.name.split(" ")[0]


# ---- the place -------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Remote:
    """A task on the cluster: it waits for a node there, runs, or has ended."""

    task: Task
    stream: Any = None
    """ray.ObjectRefGenerator of node.Event."""
    attempts: int = 0
    exit_code: int | None = None
    began: float | None = None
    """By time.monotonic."""
    asked_to_end: bool = False

    @property
    def seconds(self) -> float:
        """Time since its first start on a node."""
        return 0.0 if self.began is None else time.monotonic() - self.began

    def last_line(self) -> str:
        """Last line of its log."""
        return last_line(self.task.log)

    def log(self, text: bytes) -> None:
        """Add to its log."""
        with self.task.log.open("ab") as file:
            file.write(text)

    def fail(self, code: int, reason: str) -> None:
        """End it, with a reason as the log's last line."""
        self.log(f"\n{reason}\n".encode())
        self.exit_code = code


class Cluster:
    """A `regen.pipeline.task.Place`: as many tasks at a time as the nodes have room for."""

    def __init__(self, tree: bytes) -> None:
        self.contents = Contents(ray.put)
        self.tree = self.contents.add(tree)
        self.nodes = live_nodes()
        ray.cloudpickle.register_pickle_by_value(node)  # the nodes' own clones may be of another day
        self.execute = ray.remote(node.execute)

    def has_gpus(self) -> bool:
        """Whether a node has a GPU."""
        return any(each.get("GPU", 0.0) > 0 for each in self.nodes)

    def has_room(self, task: Task, running: Sequence[Running]) -> bool:
        """Whether the nodes together have room; Ray finds the one. What none can hold starts, and fails."""
        if not any(can_hold(each, task.needs) for each in self.nodes):
            return True
        asked = [resources(each.needs) for each in (task, *(one.task for one in running))]
        return all(
            sum(each[name] for each in asked) <= sum(each.get(name, 0.0) for each in self.nodes)
            for name in resources(task.needs)
        )

    def start(self, task: Task) -> Remote:
        """Hand a task to Ray."""
        task.log.parent.mkdir(parents=True, exist_ok=True)
        task.log.write_bytes(b"")
        running = Remote(task)
        self._submit(running)
        return running

    def wait(self, running: Sequence[Running], seconds: float) -> None:
        """See to what the nodes send until one of `running` has ended, for `seconds` at most."""
        until = time.monotonic() + seconds
        self.nodes = live_nodes()
        remotes = [one for one in running if isinstance(one, Remote)]
        for one in remotes:
            if one.exit_code is None and one.began is None:
                self._find_node(one)  # the only one may have died meanwhile
        while all(one.exit_code is None for one in remotes) and (left := until - time.monotonic()) > 0:
            self._take_next(remotes, left)

    def stop(self, running: Sequence[Running]) -> None:
        """End tasks: asked first, forced after a while."""
        live = [one for one in running if isinstance(one, Remote) and one.exit_code is None]
        for one in live:
            one.asked_to_end = True
            ray.cancel(one.stream, force=False)
        ends = {one.stream.completed(): one for one in live}  # at the end of a stream `next` waits for that
        ended, deaf = ray.wait(list(ends), num_returns=len(ends), timeout=node.PATIENCE + node.EVERY)
        for end in ended:
            while ends[end].exit_code is None:
                self._take(ends[end])
        for end in deaf:
            ray.cancel(ends[end].stream, force=True)
            ends[end].exit_code = 137

    def forget(self, task: Task) -> None:
        """Remove the checkpoints that nodes have sent, those of its seeds' tasks too."""
        remove(kept_of(task))

    def _submit(self, running: Remote) -> None:
        """Start a task, or start it again, from the checkpoints that are kept of it."""
        running.attempts += 1
        if not self._find_node(running):
            return
        needs = running.task.needs
        options = self.execute.options(
            num_cpus=needs.cpus, num_gpus=needs.gpus, memory=needs.memory or None,
            max_retries=0, num_returns="streaming", name=running.task.name,
        )  # fmt: skip
        running.stream = options.remote(self._job(running.task))

    def _job(self, task: Task) -> Job:
        checkpoints = Contents(ray.put)  # apart: they change, and need not stay in memory
        kept = {path: checkpoints.add_file(file) for path, file in files_of(kept_of(task)).items()}
        deps = {
            dep.as_posix(): {path: self.contents.add_file(file) for path, file in files_of(dep).items()}
            for dep in task.deps
        }
        named = {self.tree, *(digest for files in deps.values() for digest in files.values())}
        return Job(
            command=task.command,
            threads=threads_or(task.needs.cpus),
            gpus=task.needs.gpus,
            tree=self.tree,
            deps=deps,
            outs=tuple(out.as_posix() for out in task.outs),
            checkpoints=kept,
            contents={digest: self.contents.refs[digest] for digest in named} | checkpoints.refs,
            env={k: v for k, v in os.environ.items() if k.startswith("REGEN_") and k != "REGEN_CACHE"},
        )

    def _find_node(self, running: Remote) -> bool:
        """Fail a task that no node could ever run; whether one can."""
        if any(can_hold(each, running.task.needs) for each in self.nodes):
            return True
        asked, have = in_words(resources(running.task.needs)), sorted({in_words(each) for each in self.nodes})
        running.fail(2, f"{running.task.name}: needs {asked}; no node has that, but {'; '.join(have)}")
        if running.stream is not None:
            ray.cancel(running.stream, force=True)
        return False

    def _take_next(self, running: Sequence[Remote], seconds: float) -> None:
        """Wait for the next event, and see to it."""
        of_stream = {one.stream: one for one in running}
        ready, _ = ray.wait(list(of_stream), num_returns=1, timeout=seconds)
        for stream in ready:
            self._take(of_stream[stream])

    def _take(self, running: Remote) -> None:
        try:
            self._see_to(running, ray.get(next(running.stream)))
        except StopIteration:
            self._lost(running, "its node has sent no end")
        except ray.exceptions.RayTaskError as error:
            # one that is cancelled before its first line may end by an error of Ray's own
            cancelled = running.asked_to_end or isinstance(error.cause, ray.exceptions.TaskCancelledError)
            self._lost(running, "cancelled") if cancelled else running.fail(1, line_of(error.cause))
        except ray.exceptions.RayError as error:
            self._lost(running, line_of(error))
        except (RunError, OSError, TypeError, ValueError) as error:  # a lie, a full disk, what is no path
            ray.cancel(running.stream, force=True)
            running.fail(1, line_of(error))

    def _see_to(self, running: Remote, event: Event) -> None:
        """Act on what a node has sent, which may be anything."""
        match event:
            case ("began", str()):
                running.began = running.began or time.monotonic()
            case ("log", bytes() as text):
                running.log(text)
            case ("checkpoints", dict() as files):
                keep(running.task, files)
            case ("ended", int() as code, dict() as outs):
                if code == 0:
                    publish(verified(running.task, outs))
                running.exit_code = code
            case _:
                raise RunError(f"{running.task.name}: its node has sent something unknown")

    def _lost(self, running: Remote, reason: str) -> None:
        """Start a task again whose node has died, unless it was to end."""
        if running.asked_to_end:
            running.exit_code = 143
        elif running.attempts == ATTEMPTS:
            running.fail(1, f"{running.task.name}: lost {ATTEMPTS} times, the last time by {reason}")
        else:
            running.log(f"\nlost ({reason}); started again from its last checkpoint\n".encode())
            self.nodes = live_nodes()
            self._submit(running)


def keep(task: Task, files: Mapping[str, bytes]) -> None:
    """Keep checkpoints that a node has sent, for the next attempt, or the next run."""
    for path, data in files.items():
        require_inside(path, "a checkpoint")
        write(kept_of(task) / path, data, beside=True)
