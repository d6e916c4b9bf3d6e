"""The training of a GAN: steps over data that lies on the device, samples and scores on the way.

As `regen.training.loop` it is seeded, shows its progress, checkpoints, resumes (on a CPU to the bit) and
stops at the first loss that is not finite. It counts steps of the generator instead of epochs, of which the
reports' runs are no whole number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from regen.artifacts import metric
from regen.errors import RunError
from regen.gan.learner import GanLearner
from regen.gan.sampling import sample
from regen.gan.schedule import Passes, Schedule
from regen.training.checkpoint import Checkpoint, rng_state, set_rng_state
from regen.training.graphs import Step
from regen.training.loop import Stateful


@dataclass(frozen=True)
class Scoring:
    """How the generator is scored on the way."""

    score: Callable[[Tensor], Mapping[str, float | int | str]]
    """From samples (N, C, H, W) uint8, on the run's device, to named scores."""
    samples: int
    """N."""


@dataclass
class Trained:
    """What training leaves, beside the learner itself."""

    trace: Tensor
    """The learner's terms at each step, (steps, terms); NaN where a step is still to come."""
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Of those steps; samples, scores and checkpoints aside."""
    validation: dict[int, dict[str, float]] = field(default_factory=dict)
    """Losses on held-out images, by step."""
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `step`, `metric` (its mean since the row before) and scores."""
    snapshots: dict[int, Tensor] = field(default_factory=dict)
    """Samples (100, C, H, W) uint8 of the same codes, by step."""


def train(
    learner: GanLearner,
    step: Step,
    data: Tensor,
    valid: Tensor | None,
    schedule: Schedule,
    checkpoint: Checkpoint,
    scoring: Scoring | None = None,
) -> Trained:
    """Train `learner` on `data` (N, C, H, W) uint8, going on from `checkpoint` where it holds a state.

    `step` takes a step on a batch: the learner's own, or what does the same, faster. `valid` are held-out
    images of the same kind. Where there is no `scoring`, nothing is scored.

    Raises:
        RunError: a loss or parameter is not finite; the last good checkpoint is kept.
    """
    torch.manual_seed(schedule.seed)
    passes = Passes(data, learner.run.batch_size * learner.run.critic_steps)
    parts: dict[str, Stateful] = {**learner.stateful(), "passes": passes}
    trained = _resume(parts, checkpoint, schedule, learner)
    if trained.step == 0:
        _look(learner, trained, schedule, scoring)
    with tqdm(
        total=schedule.steps, initial=trained.step, desc=schedule.name, unit="step", disable=None
    ) as bar:
        for begin, end in pairwise(schedule.stops(trained.step)):
            began = time.perf_counter()
            _take_steps(learner, step, passes, trained.trace[begin:end], bar)
            _check_finite(learner, trained.trace[begin:end], begin, schedule)  # and waits for the device
            trained.seconds += time.perf_counter() - began
            trained.step = end
            if valid is not None and schedule.is_validated(end):
                trained.validation[end] = learner.losses(valid)
            _look(learner, trained, schedule, scoring)
            if schedule.is_saved(end):
                _save(parts, trained, checkpoint, data.device)
    return trained


def _take_steps(learner: GanLearner, step: Step, passes: Passes, trace: Tensor, bar: tqdm[Any]) -> None:
    """Take as many steps as `trace` has rows, and note their terms there."""
    for terms in trace:
        terms.copy_(step(passes.next()))
        if bar.update():  # True where the bar was drawn: only then is the device waited for
            bar.set_postfix({learner.terms[0]: f"{terms[0]:.4g}"}, refresh=False)


def _check_finite(learner: GanLearner, trace: Tensor, begin: int, schedule: Schedule) -> None:
    """Raise a RunError that names the first step after `begin` that left something not finite."""
    bad = (~trace.isfinite()).nonzero()
    if len(bad):
        row, term = bad[0].tolist()
        what, step = learner.terms[term], begin + row + 1
    elif not learner.is_finite():
        what, step = "a parameter", begin + len(trace)
    else:
        return
    run = learner.run
    raise RunError(
        f"{schedule.name}: {what} is not finite at step {step} (epoch "
        f"{-(-step // schedule.steps_per_epoch)}) with generator_learning_rate "
        f"{run.generator_learning_rate:g}, critic_learning_rate {run.critic_learning_rate:g}; a checkpoint "
        f"of an earlier step is kept. Try smaller ones."
    )


def _look(learner: GanLearner, trained: Trained, schedule: Schedule, scoring: Scoring | None) -> None:
    """Keep samples, and score the generator, where that is due. Leaves the random stream alone."""
    step = trained.step
    evaluated = scoring is not None and schedule.is_evaluated(step)
    if not (evaluated or schedule.is_shown(step)):
        return
    generator = learner.evaluated()
    if schedule.is_shown(step):
        trained.snapshots[step] = learner.snapshot(generator).cpu()
    if scoring is not None and evaluated:
        state = rng_state(learner.device)
        images = sample(generator, scoring.samples, learner.run.latent, schedule.seed)
        last = trained.evaluations[-1]["step"] if trained.evaluations else 0
        mean = float(trained.trace[last:step, 0].double().mean())
        row = {"step": step, learner.terms[0]: mean}
        trained.evaluations.append({**row, **scoring.score(images)})
        set_rng_state(state, learner.device)


def _resume(
    parts: Mapping[str, Stateful], checkpoint: Checkpoint, schedule: Schedule, learner: GanLearner
) -> Trained:
    """Restore `parts` and the random stream from `checkpoint`; return what there is so far."""
    state = checkpoint.load()
    if state is None:
        shape = (schedule.steps, len(learner.terms))
        return Trained(torch.full(shape, float("nan"), device=learner.device))
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    set_rng_state(state["rng"], learner.device)
    trained = Trained(**state["trained"])
    trained.trace = trained.trace.to(learner.device)
    return trained


def _save(
    parts: Mapping[str, Stateful], trained: Trained, checkpoint: Checkpoint, device: torch.device
) -> None:
    states = {name: part.state_dict() for name, part in parts.items()}
    checkpoint.save({"parts": states, "rng": rng_state(device), "trained": vars(trained)})


def history(learner: GanLearner, trained: Trained, schedule: Schedule) -> pd.DataFrame:
    """Return the learning curves: a row every `schedule.row` steps, and one of what is left after them.

    Columns: `step`, the row's last; `epoch`, passes over the data until then; `train_<term>`, the row's
    means; `valid_<term>`, after its last step, where held-out images were looked at.
    """
    rows = []
    for begin in range(0, trained.step, schedule.row):
        part = trained.trace[begin : begin + schedule.row].cpu().double()
        step = begin + len(part)
        means = dict(zip(learner.terms, part.mean(0).tolist(), strict=True))
        rows.append(
            {
                "step": step,
                "epoch": step / schedule.steps_per_epoch,
                **{f"train_{name}": mean for name, mean in means.items()},
                **{f"valid_{name}": value for name, value in trained.validation.get(step, {}).items()},
            }
        )
    return pd.DataFrame(rows)


def evaluations(trained: Trained) -> pd.DataFrame:
    """Return the scores on the way: `step`, `metric` and a column a score."""
    return pd.DataFrame(trained.evaluations or {name: [] for name in ("step", "metric")})


def summary(learner: GanLearner, trained: Trained, schedule: Schedule) -> dict[str, float | int | str]:
    """Return the metrics of a finished run: its length, its size and its last row's terms."""
    generator, critic = (
        sum(p.numel() for p in network.parameters()) for network in (learner.generator, learner.critic)
    )
    last = history(learner, trained, schedule).iloc[-1].drop(["step", "epoch"])
    return {
        "steps": trained.step,
        "epochs": trained.step / schedule.steps_per_epoch,
        "parameters": generator + critic,
        "generator_parameters": generator,
        "critic_parameters": critic,
        **{str(name): metric(value) for name, value in last.items()},
    }
