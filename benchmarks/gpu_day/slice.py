"""One slice of a day: it goes on where the last one stopped, and stops by itself before its time is over."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from benchmarks.gpu_day import parts, process, workspace
from benchmarks.gpu_day.measure import left, parts_of
from benchmarks.gpu_day.plan import Step, Times, fits, slices, steps_of
from benchmarks.gpu_day.profile import Profile
from benchmarks.gpu_day.record import Record
from regen.errors import InputError
from regen.training.device import select_device

Clock = Callable[[], float]


class Slice:
    """A slice of so many minutes.

    Args:
        record: the folder of the day.
        profile: what is to be done.
        minutes: from `began` on, by `clock`.
        clock: seconds from some moment on.
        began: when the slice did; now, if not given.
        anyway: whether trainings begin although a check that they wait for has failed.
    """

    def __init__(
        self,
        record: Record,
        profile: Profile,
        minutes: float,
        clock: Clock = time.monotonic,
        began: float | None = None,
        anyway: bool = False,
    ) -> None:
        self.record, self.profile, self.minutes = record, profile, minutes
        self.clock, self.anyway = clock, anyway
        self.began = clock() if began is None else began
        self.whole = 60 * minutes - profile.day.reserve
        """Seconds in which work is done."""
        self.number = 1 + record.read()["slices"]
        self.asked = False
        """Whether a signal has asked it to end."""
        self.fresh = True
        """Whether nothing long was done yet."""
        self.not_brought: list[str] = []
        """Parts of the last checkpoint that were not carried here: what they hold is begun anew."""
        self.done: list[str] = []
        self.failed: dict[str, str] = {}
        self.plan = steps_of(profile)

    def run(self) -> int:
        """Do what there is time for; return the exit code: 1 where something failed."""
        self.record.parts.mkdir(parents=True, exist_ok=True)
        with self._alone(), self._ended_by_signals():
            self.record.set("slices", self.number)
            workspace.prepare(self.record.work, self.profile)
            self._look_at_parts()
            self._measure()
            if self.anyway or not (self._unpassed() or "measure" in self.failed):
                while not self._is_over() and (step := self._next()):
                    self._do(step)
            self._pack_checkpoints()
            self.record.tidy()
            line = self._line()
            self.record.add_line(line)
        print(line, flush=True)
        wrong = [name for name in self.failed if not self._is_optional(name)]
        return int(bool(wrong or self._unpassed()))

    def _left(self) -> float:
        return self.began + self.whole - self.clock()

    def _is_over(self) -> bool:
        return self.asked or self._left() <= 0

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.record.work.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.record.work / "lock", timeout=0):
                yield
        except Timeout:
            raise InputError(f"{self.record.root}: another slice is at work here") from None

    @contextmanager
    def _ended_by_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as the end of the slice's time."""

        def ask(*_: object) -> None:
            self.asked = True

        before = {each: signal.signal(each, ask) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    # ---- what is carried from slice to slice -------------------------------------------------------------

    def _look_at_parts(self) -> None:
        """Refuse damaged parts, and a lack of those that will be needed; put checkpoints back in their place.

        Parts of runs that are done need not be here.
        """
        results, folder = self.record.read(), self.record.parts
        kept = results["checkpoint"]
        for each in [*results["steps"].values(), *([kept] if kept else [])]:
            parts.check(folder, each["parts"])
        needed = {need for step in self._open() for need in step.needs}
        for step in self.plan:
            if step.name in needed and step.is_kept and self.is_done(step) and not self._is_here(step):
                parts.require(folder, results["steps"][step.name]["parts"])
        if kept and not all((self.record.work / path).exists() for path in kept["files"]):
            self.not_brought = parts.missing(folder, kept["parts"])
            if not self.not_brought:
                parts.unpack(folder, kept["parts"], self.record.work)

    def _pack_checkpoints(self) -> None:
        """Pack the checkpoints of what was stopped, in place of earlier ones that were put back."""
        work, files = self.record.work, workspace.checkpoints(self.record.work)
        if not files and self.not_brought and any(step.is_training for step in self._open()):
            return
        packed = None
        if files:
            made = parts.pack(self.record.parts, f"checkpoint-{self.number}", work, files)
            packed = {"files": [path.as_posix() for path in files], "parts": made}
        self.record.set("checkpoint", packed)

    # ---- checks and table --------------------------------------------------------------------------------

    def _measure(self) -> None:
        """Do the checks and the table that are left, in processes of their own."""
        params, work = self.profile.params, self.record.work
        wanted = parts_of(self.profile, select_device(params.device, params.precision))
        words = [str(self.record.root), str(self.profile.path), str(self.number)]
        measured: list[str] = []
        while (todo := left(self.record, self.profile, wanted, self.number)) and not self._is_over():
            self.fresh = False
            log = work / "logs" / "measure.log"
            command = [sys.executable, "-m", "benchmarks.gpu_day.measure", *words]
            code = process.run(command, work, workspace.environment(work), log, self._is_over)
            now = left(self.record, self.profile, wanted, self.number)
            if code and len(now) == len(todo):
                if code > 0:
                    self.failed["measure"] = _tail(log)
                    break
                # ended by a signal, as where it breaks down: what it was at is left to the next slice
                message = f"ended by signal {-code}"
                self.record.put("errors", next(iter(todo))[1], {"slice": self.number, "message": message})
                now = left(self.record, self.profile, wanted, self.number)
            errors = self._errors()
            measured += [part[0] for part in todo if part not in now and part[1] not in errors]
        self.failed |= self._errors()
        counts = {section: measured.count(section) for section in ("checks", "table")}
        self.done += [f"{count} of the {section}" for section, count in counts.items() if count]

    def _errors(self) -> dict[str, str]:
        """Parts that have failed in this slice, and why."""
        errors = self.record.read()["errors"]
        return {name: each["message"] for name, each in errors.items() if each["slice"] == self.number}

    def _unpassed(self) -> list[str]:
        """Checks that trainings wait for and that have failed, or could not be done in this slice."""
        found = self.record.read()["checks"]
        failed = [name for name, check in found.items() if check["gates"] and not check["passed"]]
        waited_for = ("tests", "recorded, ", f"{self.profile.precision}, ")
        return failed + [name for name in self._errors() if name.startswith(waited_for)]

    # ---- the steps ---------------------------------------------------------------------------------------

    def is_done(self, step: Step) -> bool:
        """Whether what a step makes is there, made by this code with these settings."""
        if not step.is_kept:
            return self._is_here(step)
        found = self.record.read()["steps"].get(step.name)
        return bool(found) and found["key"] == workspace.key(step.stage, step.item, self._params())

    def _is_here(self, step: Step) -> bool:
        """Whether the workspace has what a step makes."""
        return all((self.record.work / out).exists() for out in workspace.outputs(step.stage, step.item))

    def _params(self) -> Path:
        return self.record.work / "params.yaml"

    def _is_optional(self, name: str) -> bool:
        return any(step.optional for step in self.plan if step.name == name)

    def _open(self) -> list[Step]:
        """Steps that are not done and can be, once those before them are."""
        undone = [step for step in self.plan if not self.is_done(step)]
        needed = {need for step in undone if step.is_kept for need in step.needs}
        undone = [step for step in undone if step.is_kept or step.name in needed]
        blocked = set(self.failed)
        for step in undone:
            if blocked & set(step.needs):
                blocked.add(step.name)
        return [step for step in undone if step.name not in blocked]

    def _next(self) -> Step | None:
        """First step that can be begun in the time that is left."""
        times, undone = Times(self.profile, self.record.read()), self._open()
        names = {step.name for step in undone}
        for step in undone:
            seconds = times.of(step, self.record)
            ready = not names & set(step.needs)
            if ready and fits(times, step, seconds, self._left(), self.whole, self.fresh):
                return step
        return None

    def _do(self, step: Step) -> None:
        """Run one stage, and pack what it has made."""
        work, began = self.record.work, self.clock()
        for need in step.needs:
            self._bring(need)
        workspace.clear(work, step.stage, step.item)
        self.fresh = self.fresh and not step.is_training
        print(f"{step.name} ...", flush=True)
        log = work / "logs" / f"{step.name}.log"
        command = [sys.executable, f"stages/{step.stage}.py", step.item]
        code = process.run(command, work, workspace.environment(work), log, self._is_over)
        if code is None and not self._is_here(step):
            return
        if code:
            self.failed[step.name] = _tail(log)
            return
        if step.is_kept:
            files, name = workspace.files(work, step.stage, step.item), step.name.replace("@", "-")
            made = parts.pack(self.record.parts, f"{name}-{self.number}", work, files)
            key = workspace.key(step.stage, step.item, self._params())
            found = {"key": key, "slice": self.number, "seconds": self.clock() - began, "parts": made}
            self.record.put("steps", step.name, found)
        self.done.append(step.name)

    def _bring(self, name: str) -> None:
        """Put the files of a step that is done into the workspace, where another machine has made them."""
        step = next(step for step in self.plan if step.name == name)
        if step.is_kept and not self._is_here(step):
            parts.unpack(self.record.parts, self.record.read()["steps"][name]["parts"], self.record.work)

    # ---- the line ----------------------------------------------------------------------------------------

    def _line(self) -> str:
        """What is done, what is next, and how many slices are likely left."""
        times, undone = Times(self.profile, self.record.read()), self._open()
        used = (self.clock() - self.began) / 60
        done = ", ".join(self.done) or "nothing"
        told = [f"slice {self.number}, {used:.1f} of {self.minutes:g} min: done: {done}"]
        told += [f"failed: {name}: {why}" for name, why in self.failed.items()]
        if self.not_brought:
            told.append(f"not here, so that its run begins anew: the checkpoint in {self.not_brought[0]}")
        if unpassed := self._unpassed():
            waits = "" if self.anyway else "; trainings wait (--anyway begins them)"
            told.append(f"checks not passed: {', '.join(unpassed)}{waits}")
        seconds = [times.of(step, self.record) for step in undone]
        known = [each for each in seconds if each is not None]
        if undone:
            first = f", {seconds[0] / 60:.1f} min" if seconds[0] is not None else ""
            least = "" if len(known) == len(seconds) else "at least "
            told.append(f"next: {undone[0].name}{first}")
            count = max(1, slices(known, self.whole))
            told.append(f"likely left: {least}{count} slice{'s'[: count - 1]} of {self.minutes:g} min")
        elif self.failed or unpassed:
            told.append("next: what has failed")
        else:
            told.append("next: nothing, all is done: --merge puts it in place")
        return "; ".join(told)


def _tail(log: Path) -> str:
    """Last words of a log, in one line."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    lines = text.strip().splitlines()[-3:]
    return " ".join(" ".join(lines).split())[-300:] or "no message"
