"""Runs what is stale, several stages at a time, in an order in which each finds its inputs there."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.stage import Stage

from regen.errors import RunError
from regen.pipeline.children import Child, server, start, stop, wait_for_any
from regen.pipeline.graph import Graph, is_stale, line_of, record, restored, sort_lock

TICK = 0.5  # seconds between two looks at what runs


class Stopped(RunError):  # noqa: N818 (as SystemExit)
    """The engine was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


@dataclass(frozen=True)
class Failure:
    """A stage that ended with an error."""

    stage: str
    exit_code: int
    reason: str
    log: Path

    def __str__(self) -> str:
        return f"{self.stage}: exit code {self.exit_code}: {self.reason} (log: {self.log})"


@dataclass
class Outcome:
    """What became of the stages, by name."""

    current: list[str] = field(default_factory=list)
    """Nothing to do."""
    restored: list[str] = field(default_factory=list)
    """Taken from the run-cache."""
    ran: dict[str, float] = field(default_factory=dict)
    """Run, with their seconds."""
    failed: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """They need a stage that failed."""

    @property
    def exit_code(self) -> int:
        """That of the worst failure; 0 where there is none."""
        return max((failure.exit_code for failure in self.failed), default=0)


class Engine:
    """`jobs` children at a time, `threads` threads each, over the stages of a graph."""

    def __init__(
        self,
        graph: Graph,
        jobs: int,
        threads: int,
        report: Callable[[str], None],
        watch: Callable[[Engine], None],
    ) -> None:
        self.graph = graph
        self.jobs = jobs
        self.threads = threads
        self.report = report
        """Told each event, in a line."""
        self.watch = watch
        """Called every TICK seconds."""
        self.context = server()
        self.total = 0
        self.outcome = Outcome()
        self.running: dict[Stage, Child] = {}
        self.done: set[Stage] = set()
        self.lost: set[Stage] = set()
        """Failed, or in need of one that did."""

    def run(self, stages: Sequence[Stage]) -> Outcome:
        """Bring all of `stages` up to date, which are in an order of their needs.

        Raises:
            Stopped: SIGINT or SIGTERM came; finished stages are recorded, the others' children gone.
        """
        self.total = len(stages)
        first = {stage: (-self.graph.chain(stage), number) for number, stage in enumerate(stages)}
        waiting = sorted(stages, key=first.__getitem__)
        with noted_signals() as signals:
            try:
                while waiting or self.running:
                    waiting = self._start_ready(waiting)
                    self._collect()
                    self.watch(self)
                    if signals:
                        raise Stopped(signals[0])
            finally:
                self._end()
        return self.outcome

    def _start_ready(self, waiting: list[Stage]) -> list[Stage]:
        """Start stages whose needs are met while there is room; return those that still wait."""
        rest = []
        for stage in waiting:
            needs = self.graph.stages_needed(stage)
            if needs & self.lost:
                self.lost.add(stage)
                self.outcome.skipped.append(stage.addressing)
            elif len(self.running) < self.jobs and needs <= self.done:
                try:
                    self._bring_up_to_date(stage)
                except (DvcException, OSError) as error:  # an input that is gone, a disk that is full
                    self._fail(stage, 1, line_of(error))
            else:
                rest.append(stage)
        return rest

    def _bring_up_to_date(self, stage: Stage) -> None:
        name = stage.addressing
        if not is_stale(stage):
            self.outcome.current.append(name)
            self.done.add(stage)
        elif restored(stage):
            record(stage)
            self.outcome.restored.append(name)
            self.done.add(stage)
            self._tell(f"{name}: from the run-cache")
        else:
            self.running[stage] = start(self.context, stage.cmd, log_of(stage), self.threads)
            self._tell(f"{name} ...")

    def _collect(self) -> None:
        """Wait a moment for children, and record those that have ended."""
        if not self.running:
            return
        wait_for_any(list(self.running.values()), TICK)
        for stage, child in list(self.running.items()):
            if child.exit_code is None:
                continue
            del self.running[stage]
            if child.exit_code:
                self._fail(stage, child.exit_code, child.last_line())
            else:
                self._record(stage, child)

    def _record(self, stage: Stage, child: Child) -> None:
        try:
            record(stage)
        except (DvcException, OSError) as error:  # an output that is not there, a disk that is full
            self._fail(stage, 1, line_of(error))
            return
        self.done.add(stage)
        self.outcome.ran[stage.addressing] = child.seconds
        self._tell(f"{stage.addressing}: {child.seconds:.1f} s")

    def _fail(self, stage: Stage, code: int, reason: str) -> None:
        self.lost.add(stage)
        failure = Failure(stage.addressing, code, reason, log_of(stage))
        self.outcome.failed.append(failure)
        self._tell(f"FAILED {failure}")

    def _tell(self, line: str) -> None:
        self.report(f"[{len(self.done)}/{self.total}] {line}")

    def _end(self) -> None:
        """End what still runs, count what has finished by itself meanwhile, and put dvc.lock in order."""
        finished = [(stage, child) for stage, child in self.running.items() if child.exit_code == 0]
        stop([child for child in self.running.values() if child.exit_code is None])
        for stage, child in finished:
            self._record(stage, child)
        if self.outcome.ran or self.outcome.restored:
            sort_lock(self.graph.selected([]))


def log_of(stage: Stage) -> Path:
    """Where a stage's output goes: out of git, with the clone."""
    return Path(f".dvc/tmp/regen/{stage.addressing}.log")


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Note SIGINT and SIGTERM in the block, in the list given, and do nothing else about them.

    An exception in the middle of what DVC writes would leave half of it.
    """
    noted: list[int] = []
    numbers = signal.SIGINT, signal.SIGTERM
    before = {number: signal.signal(number, lambda came, _: noted.append(came)) for number in numbers}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
