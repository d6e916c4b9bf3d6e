"""What all training stages share around the loop: seeds, checkpoints, and the files that a run hands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pandas as pd
import torch

from regen import artifacts
from regen.artifacts import Metrics
from regen.errors import InputError
from regen.training.checkpoint import Checkpoint, fingerprint
from regen.training.device import autocast, for_convolutions, in_words, set_up
from regen.training.environment import timing
from regen.training.loop import Fitted, Learner, Score, fit, history
from regen.training.schedule import Passes, Schedule

if TYPE_CHECKING:
    from regen.params import Params
    from regen.training.graphs import Step


SomeLearner = TypeVar("SomeLearner", bound=Learner)


@dataclass(frozen=True)
class Trained(Generic[SomeLearner]):
    """One seed of a run, trained."""

    learner: SomeLearner
    checkpoint: Checkpoint
    fitted: Fitted
    schedule: Schedule
    history: pd.DataFrame
    """Its learning curves; see `regen.training.loop.history`."""


@dataclass(frozen=True)
class Job:
    """One seed of a run to train, and what the run does not say: where, and from which checkpoint."""

    name: str
    seed: int
    device: torch.device
    autocast: torch.autocast
    checkpoint: Checkpoint
    checkpoint_every: int
    """Epochs."""

    def by_epochs(
        self, epochs: int, passes: Passes, shown: Sequence[int] = (), score_every: int = 0
    ) -> Schedule:
        """Schedule of this job in epochs; see `Schedule.by_epochs`."""
        return Schedule.by_epochs(
            self.name,
            self.seed,
            epochs,
            passes.sizes,
            shown=shown,
            save_every=self.checkpoint_every,
            score_every=score_every,
        )

    def fit(
        self,
        learner: SomeLearner,
        passes: Passes,
        schedule: Schedule,
        step: Step | None = None,
        score: Score | None = None,
    ) -> Trained[SomeLearner]:
        """Train `learner` as `regen.training.loop.fit` does."""
        fitted = fit(learner, passes, schedule, self.checkpoint, step, score)
        return Trained(learner, self.checkpoint, fitted, schedule, history(learner, fitted, schedule))


@dataclass(frozen=True)
class Session:
    """A training stage at work: the run that it trains, the device, and where checkpoints lie."""

    name: str
    """The name under which its results lie."""
    device: torch.device
    autocast: torch.autocast
    precision: str
    """What it computes in: `auto` stands for another on another processor."""
    checkpoint_every: int
    """Epochs."""
    key: str
    """Of all that the results depend on, the seed aside, as it was when the settings were read."""

    @classmethod
    def start(
        cls, stage: str, run: str, params: Params, name: str = "", convolutional: bool = False
    ) -> Session:
        """Set up the device and the precision of params.yaml for `run` of `stage` in dvc.yaml."""
        device = set_up(params.device, params.precision)
        precision = for_convolutions(params.precision, device) if convolutional else params.precision
        return cls.of(stage, run, name or run, device, autocast(precision, device), params)

    @classmethod
    def of(
        cls, stage: str, run: str, name: str, device: torch.device, context: torch.autocast, params: Params
    ) -> Session:
        """Session on a device that is set up."""
        precision = in_words(context, device)
        key = fingerprint(stage, run, str(device), precision)
        return cls(name, device, context, precision, params.training.checkpoint_every, key)

    def job(self, seed: int) -> Job:
        """Training with one seed."""
        checkpoint = Checkpoint.of(f"{self.name}-seed-{seed}", self.key)
        return Job(
            f"{self.name}, seed {seed}", seed, self.device, self.autocast, checkpoint, self.checkpoint_every
        )

    def train(
        self, train: Callable[[Job], Trained[SomeLearner]], seeds: Sequence[int], only: int | None = None
    ) -> dict[int, Trained[SomeLearner]]:
        """Train with each of `seeds`, or with `only` one of them, whose finished checkpoint stays.

        Raises:
            InputError: `only` is not among the seeds.
        """
        if only is not None and only not in seeds:
            allowed = ", ".join(map(str, seeds))
            raise InputError(f"--seed: {only}: not a seed of {self.name}; allowed: {allowed}")
        trained = {}
        for seed in seeds if only is None else [only]:
            torch.manual_seed(seed)
            trained[seed] = train(self.job(seed))
        return trained

    def publish(self, trained: Mapping[int, Trained[Any]], metrics: Metrics) -> None:
        """Write weights, the first seed's snapshots if any, metrics and timing; remove the checkpoints.

        Only now, so that a run killed at its last seed keeps the others: write all else before.
        """
        for seed, each in trained.items():
            weights = each.learner.evaluated().state_dict()
            artifacts.write_tensors(artifacts.weights_file(self.name, seed), weights)
        first = next(iter(trained.values()))
        shown = first.fitted.snapshots.items()
        if snapshots := {first.schedule.in_units(step): images for step, images in shown}:
            artifacts.write_snapshots(artifacts.snapshots_file(self.name), snapshots)
        artifacts.write_metrics(artifacts.scores_file(self.name, "training"), metrics)
        self.finish(trained)

    def finish(self, trained: Mapping[int, Trained[Any]]) -> None:
        """Write the training's timing, and remove the checkpoints."""
        fits = [(each.fitted, each.schedule) for each in trained.values()]
        seconds, steps = sum(fitted.seconds for fitted, _ in fits), sum(fitted.step for fitted, _ in fits)
        images = sum(schedule.images_until(fitted.step) for fitted, schedule in fits)
        taken = timing(seconds, steps, images, self.device, self.precision)
        artifacts.write_metrics(artifacts.timing_file(self.name), taken)
        for each in trained.values():
            each.checkpoint.remove()


def last_metrics(history: pd.DataFrame) -> dict[str, float | str]:
    """Metrics of the last row of learning curves: its terms and held-out scores."""
    last = history.iloc[-1].drop(["step", "epoch"])
    return {str(name): artifacts.metric(value) for name, value in last.items()}


def by_seed(tables: Mapping[int, pd.DataFrame]) -> pd.DataFrame:
    """Tables of several seeds in one, with a column `seed`; of a single seed its table as it is."""
    if len(tables) == 1:
        return next(iter(tables.values()))
    return pd.concat([table.assign(seed=seed) for seed, table in tables.items()], ignore_index=True)
