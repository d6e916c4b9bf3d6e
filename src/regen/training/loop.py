"""The training loop: it counts steps, and knows of the model what `Learner` says.

It is seeded, shows its progress, validates, takes snapshots, scores, checkpoints, resumes (on a CPU to the
bit), and stops at the first term or parameter that is not finite.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from regen.errors import RunError
from regen.training.checkpoint import Checkpoint, rng_state, set_rng_state
from regen.training.graphs import Step
from regen.training.schedule import Passes, Schedule

BAR = "REGEN_BAR"
"""Environment variable under which progress bars are drawn even where there is no terminal."""

Score = Callable[[Any], Mapping[str, float | int | str]]
"""From the model, as `Learner.evaluated` gives it, to named scores."""


class Stateful(Protocol):
    """A module, an optimiser: anything that can be saved and restored."""

    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102
    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...  # noqa: D102


class Learner(Protocol):
    """What `fit` trains."""

    terms: tuple[str, ...]
    """Names of what `step` returns; the first is the loss, or the metric."""

    @property
    def rates(self) -> Mapping[str, float]:
        """Learning rates, by the keys of params.yaml that set them."""

    def stateful(self) -> dict[str, Stateful]:
        """Everything that changes from step to step."""

    def step(self, batch: Tensor) -> Tensor:
        """Update on one batch; return its terms (len(terms),), means over the batch, on the device."""

    def validate(self) -> dict[str, float]:
        """Scores on held-out data, by name; none where there is no such data."""

    def evaluated(self) -> Any:
        """The model as it is shown and scored."""

    def snapshot(self, model: Any) -> Tensor:
        """Samples (N, C, H, W) uint8 of `model`, from the same noise at every call."""


@dataclass
class Fitted:
    """What training leaves, apart from the learner itself."""

    trace: Tensor
    """Terms of each step (steps, terms); NaN for steps still to come."""
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Time of those steps; validation, snapshots, scores and checkpoints excluded."""
    validation: dict[int, dict[str, float]] = field(default_factory=dict)
    """Scores on held-out data, by step."""
    scores: list[dict[str, Any]] = field(default_factory=list)
    """Rows of `step`, the first term's mean since the row before, and the scores."""
    snapshots: dict[int, Tensor] = field(default_factory=dict)
    """Samples by step."""


def fit(
    learner: Learner,
    passes: Passes,
    schedule: Schedule,
    checkpoint: Checkpoint,
    step: Step | None = None,
    score: Score | None = None,
) -> Fitted:
    """Train `learner` on batches of `passes`, going on from `checkpoint` where it holds a state.

    `step` replaces the learner's own step by one that does the same, faster. Without `score` nothing is
    scored.

    Raises:
        RunError: a term, a parameter or a held-out score is not finite; the last good checkpoint is kept.
    """
    torch.manual_seed(schedule.seed)
    device = passes.data.device
    parts: dict[str, Stateful] = {**learner.stateful(), "passes": passes}
    fitted = _resume(parts, checkpoint, schedule, learner, device)
    if fitted.step == 0:
        _look(learner, fitted, schedule, device, score)
    with _bar(schedule, fitted.step) as bar:
        for begin, end in pairwise(schedule.stops(fitted.step)):
            began = time.perf_counter()
            _take_steps(step or learner.step, passes, fitted.trace[begin:end], learner.terms[0], bar)
            _check_finite(learner, fitted.trace[begin:end], begin, schedule)  # and waits for the device
            fitted.seconds += time.perf_counter() - began
            fitted.step = end
            if schedule.is_validated(end):
                fitted.validation[end] = _validate(learner, schedule, end, device)
            _look(learner, fitted, schedule, device, score)
            if schedule.is_saved(end):
                _save(parts, fitted, checkpoint, device)
    return fitted


def history(learner: Learner, fitted: Fitted, schedule: Schedule) -> pd.DataFrame:
    """Learning curves: a row every `schedule.row` steps, and one for the steps left after them.

    Columns: `step`, the row's last; `epoch`, passes over the data until then; `train_<term>`, means over the
    row's data; `valid_<score>`, after its last step.
    """
    rows = []
    sizes = torch.tensor(schedule.sizes).repeat(-(-schedule.steps // schedule.epoch))[:, None]
    for begin in range(0, fitted.step, schedule.row):
        step = min(begin + schedule.row, fitted.step)
        trace, weights = fitted.trace[begin:step].cpu().double(), sizes[begin:step]
        means = ((trace * weights).sum(0) / weights.sum()).tolist()
        train = {f"train_{term}": mean for term, mean in zip(learner.terms, means, strict=True)}
        valid = {f"valid_{name}": value for name, value in fitted.validation.get(step, {}).items()}
        rows.append({"step": step, "epoch": step / schedule.epoch, **train, **valid})
    return pd.DataFrame(rows)


@contextmanager
def _bar(schedule: Schedule, done: int) -> Iterator[tqdm[Any]]:
    hidden = False if BAR in os.environ else None  # None: drawn on a terminal only
    with tqdm(total=schedule.steps, initial=done, desc=schedule.name, unit="step", disable=hidden) as bar:
        yield bar


def _take_steps(step: Step, passes: Passes, trace: Tensor, first: str, bar: tqdm[Any]) -> None:
    """Take as many steps as `trace` has rows, and note their terms there."""
    for terms in trace:
        terms.copy_(step(passes.next()))
        if bar.update():  # True where the bar was drawn: only then is the device waited for
            bar.set_postfix({first: f"{terms[0]:.4g}"}, refresh=False)


def _check_finite(learner: Learner, trace: Tensor, begin: int, schedule: Schedule) -> None:
    """Raise a RunError that names the first step after `begin` that left something not finite."""
    bad = (~trace.isfinite()).nonzero()
    if len(bad):
        row, term = bad[0].tolist()
        raise _not_finite(learner, schedule, f"{learner.terms[term]} is not finite", begin + row + 1)
    modules = [part for part in learner.stateful().values() if isinstance(part, nn.Module)]
    finite = [p.detach().isfinite().all() for module in modules for p in module.parameters()]
    if finite and not torch.stack(finite).all():
        raise _not_finite(learner, schedule, "a parameter is not finite", begin + len(trace))


def _not_finite(learner: Learner, schedule: Schedule, what: str, step: int) -> RunError:
    rates = ", ".join(f"{key} {rate:g}" for key, rate in learner.rates.items())
    return RunError(
        f"{schedule.name}: {what} at step {step} (epoch {schedule.epoch_of(step)}) with {rates}; "
        "its last checkpoint, if any, is of an earlier step. Try a smaller learning rate."
    )


def _validate(learner: Learner, schedule: Schedule, step: int, device: torch.device) -> dict[str, float]:
    """Held-out scores, from the same random numbers each time, outside the run's stream."""
    with _aside(device):
        torch.manual_seed(schedule.seed)
        scores = learner.validate()
    bad = [name for name, value in scores.items() if not torch.tensor(value).isfinite()]
    if bad:
        raise _not_finite(learner, schedule, f"the validation score {bad[0]!r} is {scores[bad[0]]}", step)
    return scores


def _look(
    learner: Learner, fitted: Fitted, schedule: Schedule, device: torch.device, score: Score | None
) -> None:
    """Keep a snapshot and score the model where that is due, outside the run's random stream."""
    step = fitted.step
    scored, shown = score is not None and schedule.is_scored(step), schedule.is_shown(step)
    if not (scored or shown):
        return
    model = learner.evaluated()
    if shown:
        fitted.snapshots[step] = learner.snapshot(model).cpu()
    if score is not None and scored:
        last = fitted.scores[-1]["step"] if fitted.scores else 0
        mean = float(fitted.trace[last:step, 0].double().mean())
        with _aside(device):
            fitted.scores.append({"step": step, learner.terms[0]: mean, **score(model)})


@contextmanager
def _aside(device: torch.device) -> Iterator[None]:
    """Leave the run's random stream as it is."""
    state = rng_state(device)
    yield
    set_rng_state(state, device)


def _resume(
    parts: Mapping[str, Stateful],
    checkpoint: Checkpoint,
    schedule: Schedule,
    learner: Learner,
    device: torch.device,
) -> Fitted:
    """Restore `parts` and the random stream from `checkpoint`; return what there is so far."""
    state = checkpoint.load()
    if state is None:
        return Fitted(torch.full((schedule.steps, len(learner.terms)), torch.nan, device=device))
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    set_rng_state(state["rng"], device)
    fitted = Fitted(**state["fitted"])
    fitted.trace = fitted.trace.to(device)
    return fitted


def _save(
    parts: Mapping[str, Stateful], fitted: Fitted, checkpoint: Checkpoint, device: torch.device
) -> None:
    states = {name: part.state_dict() for name, part in parts.items()}
    checkpoint.save({"parts": states, "rng": rng_state(device), "fitted": vars(fitted)})
