"""The steps of a day after checks and table, in order, how long each takes, and how many slices they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.gpu_day import workspace
from benchmarks.gpu_day.profile import Profile
from benchmarks.gpu_day.record import Record
from regen.data.catalog import DATASETS
from regen.params.gan import GanRun

START = 30.0
"""Seconds of a training before its first step and after its last: imports, data, recording, publishing."""
SHORT = 15.0
"""Seconds that a step whose time is not known is taken to need."""


@dataclass(frozen=True)
class Step:
    """One stage of dvc.yaml for one item, as DVC names it."""

    stage: str
    item: str
    needs: tuple[str, ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        """Its name in DVC's commands."""
        return f"{self.stage}@{self.item}"

    @property
    def is_training(self) -> bool:
        """Whether it is one of the long ones."""
        return self.stage == "train_gan"

    @property
    def is_kept(self) -> bool:
        """Whether its files are packed; data are prepared anew on each machine."""
        return self.stage != "fetch_data"


def steps_of(profile: Profile) -> list[Step]:
    """All steps in the order in which they are begun, each after what it needs."""
    found: dict[str, Step] = {}

    def add(stage: str, item: str, *needs: str, optional: bool) -> str:
        step = Step(stage, item, needs, optional)
        found.setdefault(step.name, step)
        return step.name

    for run in profile.day.runs:
        data, optional = profile.params.gan[run].data, run in profile.day.optional
        fetched = add("fetch_data", data, optional=optional)
        taught = add("train_classifier", data, fetched, optional=optional)
        measured = add("measure_reference", data, fetched, taught, optional=optional)
        trained = add("train_gan", run, fetched, taught, measured, optional=optional)
        if run in profile.params.score.runs:
            add("score_samples", run, fetched, taught, measured, trained, optional=optional)
    return list(found.values())


def row_name(run: str, precision: str, recorded: bool) -> str:
    """Name of a row of the table: steps of a run."""
    return f"{run}, {precision}, {'recorded' if recorded else 'plain'}"


def length_in_steps(run: GanRun) -> tuple[int, int]:
    """Steps of a run, and between its evaluations; 0 where it has none."""
    epoch = DATASETS[run.data].sizes[0] // (run.batch_size * run.critic_steps) if run.unit == "epochs" else 1
    return run.length * epoch, run.evaluate_every * epoch


@dataclass(frozen=True)
class Times:
    """How long steps take, by the table and by what has been done."""

    profile: Profile
    results: dict[str, Any]
    """As `Record.read` gives them."""

    def rate(self, run: str) -> float | None:
        """Steps a second of a run, as it is trained; None where that is not measured."""
        for recorded in (self.profile.params.training.cuda_graphs, False):
            row = self.results["table"].get(row_name(run, self.profile.precision, recorded))
            if row:
                return float(row["steps_per_second"])
        return None

    def evaluation(self) -> float:
        """Seconds of an evaluation on the way."""
        return float(self.results["table"].get("evaluation", {}).get("seconds", 0.0))

    def training(self, run: str, done: int) -> float | None:
        """Seconds until `run` is trained, of which so many steps are done; None where that is not known."""
        settings, rate = self.profile.params.gan[run], self.rate(run)
        if rate is None:
            return None
        steps, every = length_in_steps(settings)
        left = steps * len(self.profile.params.seeds_of(run)) - done
        return START + left / rate + (left / every * self.evaluation() if every else 0)

    def until_checkpoint(self, run: str) -> float:
        """Seconds from the start of a training to its first checkpoint, which is there to go on from."""
        steps, every = length_in_steps(self.profile.params.gan[run])
        return START + (every or steps / 10) / (self.rate(run) or 1e9) + self.evaluation()

    def of(self, step: Step, record: Record) -> float | None:
        """Seconds of what is left of a step; None where that is not known."""
        if step.is_training:
            return self.training(step.item, workspace.steps_done(record.work, step.item))
        done = [
            each["seconds"] for name, each in self.results["steps"].items() if name.startswith(step.stage)
        ]
        return max(done, default=None)


def fits(times: Times, step: Step, seconds: float | None, left: float, whole: float, fresh: bool) -> bool:
    """Whether a step is begun with `left` seconds to the end of a slice of `whole` ones.

    A training is if it is expected to end in it. One that is longer than a slice is, too, if it reaches a
    checkpoint, and so is any in a `fresh` slice, in which nothing long was done: no other has more time.
    """
    if seconds is None or not step.is_training:
        return left >= (SHORT if seconds is None else seconds)
    first = times.until_checkpoint(step.item)
    reaches_one = first <= left or (fresh and first > whole)  # the times before it are estimates
    return seconds <= left or ((fresh or seconds > whole) and reaches_one)


def slices(seconds: Sequence[float], whole: float) -> int:
    """Slices of `whole` seconds that steps of so many take: each goes to the first with room for it."""
    rooms: list[float] = []
    for each in seconds:
        full, rest = divmod(each, whole)  # what is longer than a slice goes on in the next
        rooms += [0.0] * int(full)
        place = next((i for i, room in enumerate(rooms) if room >= rest), None)
        if place is None:
            rooms.append(whole - rest)
        else:
            rooms[place] -= rest
    return len(rooms)
