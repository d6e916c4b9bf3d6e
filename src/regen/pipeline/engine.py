"""Runs what is stale, several stages at a time, in an order in which each finds its inputs there."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dvc.stage import Stage

from regen.errors import RunError
from regen.pipeline import made
from regen.pipeline.graph import FAULTS, Graph, is_stale, line_of, restored
from regen.pipeline.needs import log_of, seed_tasks, task_of
from regen.pipeline.outcome import Failure, Outcome
from regen.pipeline.records import Records
from regen.pipeline.task import Place, Running, Task

TICK = 0.5  # seconds between two looks at what runs


class Stopped(RunError):  # noqa: N818 (as SystemExit)
    """The engine was asked to end by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


@dataclass(frozen=True)
class Settings:
    """How an engine runs stages."""

    on_cuda: bool = False
    """Whether the run computes on CUDA, so that `gpu` of dvc.yaml's `meta` counts."""
    seeds_apart: bool = False
    """Whether the seeds of a training are tasks of their own, before the stage's own command."""


@dataclass
class Steps:
    """Tasks of a stage that has begun: those of its seeds, side by side, then its own."""

    seeds: list[Task]
    """Not started yet."""
    own: Task
    inputs: made.Hashes = field(default_factory=dict)
    """What the stage began with."""
    running: int = 0
    began: float = 0.0
    """By time.monotonic."""

    @property
    def seconds(self) -> float:
        """Time since its start."""
        return time.monotonic() - self.began

    def next(self) -> Task | None:
        """Task that may start now; None where what runs has to end first."""
        return self.seeds[0] if self.seeds else None if self.running else self.own


class Engine:
    """The stages of a graph, run on a place."""

    def __init__(
        self,
        graph: Graph,
        place: Place,
        settings: Settings,
        report: Callable[[str], None],
        watch: Callable[[Engine], None] | None = None,
    ) -> None:
        self.graph = graph
        self.place = place
        self.settings = settings
        self.report = report
        """Told each event, in a line."""
        self.watch = watch
        """Called every TICK seconds."""
        self.records = Records(graph.repo)
        self.stages: Sequence[Stage] = ()
        """All that are to be up to date, in an order of their needs."""
        self.outcome = Outcome()
        self.stale: dict[Stage, Steps] = {}
        """Found so when their inputs were there, and waiting for room."""
        self.begun: dict[Stage, Steps] = {}
        self.running: dict[Task, tuple[Stage, Running]] = {}
        self.done: set[Stage] = set()
        self.lost: set[Stage] = set()
        """Failed, or in need of one that did."""
        self.signals: list[int] = []
        """Those that have come, by which to end."""

    def run(self, stages: Sequence[Stage]) -> Outcome:
        """Bring all of `stages` up to date, which are in an order of their needs.

        Raises:
            Stopped: SIGINT or SIGTERM came; finished stages are recorded, the others' tasks gone.
            InputError: `meta` of a stage in dvc.yaml is not allowed.
        """
        self.stages = stages
        for stage in stages:
            task_of(stage, self.settings.on_cuda)  # a mistake costs one line and no work
        first = {stage: (-self.graph.chain(stage), number) for number, stage in enumerate(stages)}
        waiting = sorted(stages, key=first.__getitem__)
        with noted_signals(self.signals):
            try:
                while waiting or self.begun or self.running:
                    self._go_on()
                    waiting = [stage for stage in waiting if not self._settle(stage)]
                    if self.watch:
                        self.watch(self)
                    self._collect(bool(waiting or self.begun))
                    self.records.write_if_due()
                    if self.signals:
                        raise Stopped(self.signals[0])
            finally:
                self._end()
        return self.outcome

    def _settle(self, stage: Stage) -> bool:
        """Bring a stage up to date, or begin it; false where it waits for its needs, or for room."""
        needs = self.graph.stages_needed(stage)
        if needs & self.lost:
            self.lost.add(stage)
            self.outcome.skipped.append(stage.addressing)
            return True
        if not needs <= self.done:
            return False
        try:
            return self._bring_up_to_date(stage)
        except FAULTS as error:  # an input that is gone, a disk that is full
            self._fail(stage, 1, line_of(error))
            return True

    def _bring_up_to_date(self, stage: Stage) -> bool:
        name = stage.addressing
        if stage not in self.stale:
            if not is_stale(stage):
                self.outcome.current.append(name)
                self.done.add(stage)
                return True
            self.stale[stage] = self._steps(stage)
        steps = self.stale[stage]
        if not self._has_room(steps.seeds[0] if steps.seeds else steps.own):
            return False
        del self.stale[stage]
        if made.is_noted(stage):
            self.records.add(stage)
            self.place.forget(steps.own)
            self.outcome.ran[name] = 0.0
            self.done.add(stage)
            self._tell(f"{name}: had ended before, recorded")
        elif restored(stage):
            self.records.add(stage)
            self.outcome.restored.append(name)
            self.done.add(stage)
            self._tell(f"{name}: from the run-cache")
        else:
            made.forget(stage)
            steps.inputs = made.inputs_of(stage)
            steps.began = time.monotonic()
            self.begun[stage] = steps
            self._tell(f"{name} ...")
            self._go_on()
        return True

    def _steps(self, stage: Stage) -> Steps:
        seeds = seed_tasks(stage, self.settings.on_cuda) if self.settings.seeds_apart else []
        return Steps(seeds, task_of(stage, self.settings.on_cuda))

    def _has_room(self, task: Task) -> bool:
        return self.place.has_room(task, [running for _, running in self.running.values()])

    def _go_on(self) -> None:
        """Start tasks of stages that have begun, while there is room."""
        for stage, steps in list(self.begun.items()):
            while (task := steps.next()) and self._has_room(task):
                try:
                    self.running[task] = stage, self.place.start(task)
                except (EOFError, OSError) as error:  # EOFError: the server was killed while it loads
                    if not self.signals:
                        self._fail(stage, 1, line_of(error))
                    break
                steps.running += 1
                if steps.seeds:
                    del steps.seeds[0]

    def _collect(self, more: bool) -> None:
        """Wait a moment for tasks, and record what has ended; `more` are to come."""
        if self.running:
            self.place.wait([running for _, running in self.running.values()], TICK)
        elif more:
            time.sleep(TICK)  # for room, where others have it
        for task, (stage, running) in list(self.running.items()):
            if running.exit_code is not None:
                del self.running[task]
                self._note_end(stage, running)

    def _note_end(self, stage: Stage, running: Running) -> None:
        steps = self.begun.get(stage)
        if steps is None:  # another seed has failed meanwhile
            return
        steps.running -= 1
        if running.exit_code:
            if not self.signals:  # which may have reached all processes
                self._fail(stage, running.exit_code, running.last_line(), running.task.log)
        elif running.task == steps.own:
            self._record(stage, steps.seconds)
        else:
            self._tell(f"{running.task.name}: {running.seconds:.1f} s")

    def _record(self, stage: Stage, seconds: float) -> None:
        steps = self.begun[stage]
        try:
            self.records.add(stage, steps.inputs)
        except FAULTS as error:  # an output that is not there, a disk that is full
            self._fail(stage, 1, line_of(error))
            return
        except RunError as error:  # its inputs have changed
            self._fail(stage, 1, line_of(error))
        else:
            del self.begun[stage]
            self.done.add(stage)
            self.outcome.ran[stage.addressing] = seconds
            self._tell(f"{stage.addressing}: {seconds:.1f} s")
        self.place.forget(steps.own)

    def _fail(self, stage: Stage, code: int, reason: str, log: Path | None = None) -> None:
        self.begun.pop(stage, None)
        self.lost.add(stage)
        failure = Failure(stage.addressing, code, reason, log or log_of(stage.addressing))
        self.outcome.failed.append(failure)
        self._tell(f"FAILED {failure}")

    def _tell(self, line: str) -> None:
        self.report(f"[{len(self.done)}/{len(self.stages)}] {line}")

    def _end(self) -> None:
        """End what still runs, count what has finished all the same, and write dvc.lock."""
        under_way = list(self.running.values())
        self.place.stop([running for _, running in under_way if running.exit_code is None])
        for stage, running in under_way:
            if running.exit_code == 0:
                self._note_end(stage, running)
        self.records.write()


@contextmanager
def noted_signals(noted: list[int]) -> Iterator[None]:
    """Add SIGINT and SIGTERM to `noted` in the block, and do nothing else about them.

    An exception in the middle of what DVC writes would leave half of it.
    """
    numbers = signal.SIGINT, signal.SIGTERM
    before = {number: signal.signal(number, lambda came, _: noted.append(came)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
