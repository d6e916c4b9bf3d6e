"""The training loop: epochs over data that lies on the device, for any learner.

It is seeded, shows its progress, checkpoints, resumes to the bit, and stops at the first loss that is not
finite. What is trained, and how, is the learner's business.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from regen.errors import RunError
from regen.training.checkpoint import Checkpoint, rng_state, set_rng_state


class Stateful(Protocol):
    """A module, an optimiser: whatever can be saved and restored."""

    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102
    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...  # noqa: D102


class Learner(Protocol):
    """What `fit` trains."""

    terms: tuple[str, ...]
    """Names of what `step` returns; the first is the loss."""

    def stateful(self) -> dict[str, Stateful]:
        """Return everything that changes from step to step."""

    def step(self, batch: Tensor) -> Tensor:
        """Update on one batch; return its terms (len(terms),), means over the batch, on the device."""

    def evaluate(self) -> dict[str, float]:
        """Return this epoch's scores on held-out data."""

    def snapshot(self) -> Tensor:
        """Return samples (N, C, H, W) uint8 of the model as it is, from the same noise at every epoch."""


@dataclass(frozen=True)
class Plan:
    """How long and in what portions a run is trained."""

    run: str
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    checkpoint_every: int
    shown_epochs: tuple[int, ...]
    """The epochs whose snapshots are kept; 0 is before training."""


@dataclass
class Fitted:
    """What training leaves, beside the learner itself."""

    history: list[dict[str, Any]]
    """One row an epoch: `epoch`, `train_<term>` for each term, and the learner's scores."""
    snapshots: dict[int, Tensor]
    """The learner's snapshots, by epoch."""
    seconds: float = 0.0
    """Of the steps; scores, snapshots and checkpoints aside."""

    @property
    def table(self) -> pd.DataFrame:
        """The history as a table."""
        return pd.DataFrame(self.history)


def fit(learner: Learner, data: Tensor, plan: Plan, checkpoint: Checkpoint) -> Fitted:
    """Train `learner` on the rows of `data` (N, ...), going on from `checkpoint` where it holds a state.

    Raises:
        RunError: the loss or a score is not finite; the last good checkpoint is kept.
    """
    torch.manual_seed(plan.seed)
    fitted = _resume(learner, checkpoint, data.device)
    done = len(fitted.history)
    steps = -(-len(data) // plan.batch_size)
    _show(learner, fitted, plan, done)
    with tqdm(
        total=plan.epochs * steps, initial=done * steps, desc=plan.run, unit="step", disable=None
    ) as bar:
        for epoch in range(done + 1, plan.epochs + 1):
            began = time.perf_counter()
            means = _train_epoch(learner, data, plan, epoch, bar)  # and waits for the device
            fitted.seconds += time.perf_counter() - began
            scores = {f"train_{name}": mean for name, mean in zip(learner.terms, means, strict=True)}
            fitted.history.append({"epoch": epoch, **scores, **_evaluate(learner, plan, epoch, data.device)})
            _show(learner, fitted, plan, epoch)
            if epoch % plan.checkpoint_every == 0 or epoch == plan.epochs:
                _save(learner, fitted, checkpoint, data.device)
    return fitted


def _show(learner: Learner, fitted: Fitted, plan: Plan, epoch: int) -> None:
    if epoch in plan.shown_epochs:
        fitted.snapshots[epoch] = learner.snapshot().cpu()


def _train_epoch(learner: Learner, data: Tensor, plan: Plan, epoch: int, bar: tqdm[Any]) -> list[float]:
    """Return the mean of each term over one pass through `data` in a new order."""
    order = torch.randperm(len(data), device=data.device)
    batches = data[order].split(plan.batch_size)
    terms = torch.empty(len(batches), len(learner.terms), device=data.device)
    for i, batch in enumerate(batches):
        terms[i] = learner.step(batch)
        if bar.update():  # True where the bar was drawn: only then is the device waited for
            bar.set_postfix({"epoch": epoch, learner.terms[0]: f"{terms[i, 0]:.4g}"}, refresh=False)
    _check_finite(terms[:, 0], plan, epoch)
    sizes = torch.tensor([len(batch) for batch in batches], device=data.device)
    return ((terms * sizes[:, None]).cpu().double().sum(0) / len(data)).tolist()


def _check_finite(losses: Tensor, plan: Plan, epoch: int) -> None:
    """Raise a RunError that names the first step whose loss is not finite."""
    bad = (~losses.isfinite()).nonzero()
    if len(bad):
        step = (epoch - 1) * len(losses) + int(bad[0]) + 1
        raise RunError(
            f"{plan.run}: the loss is not finite at step {step} (epoch {epoch}) with learning_rate "
            f"{plan.learning_rate:g}; a checkpoint of an earlier epoch is kept. Try a smaller learning_rate."
        )


def _evaluate(learner: Learner, plan: Plan, epoch: int, device: torch.device) -> dict[str, float]:
    """Return the learner's scores, from the same random numbers each epoch, outside the run's stream."""
    state = rng_state(device)
    torch.manual_seed(plan.seed)
    scores = learner.evaluate()
    set_rng_state(state, device)
    if not torch.tensor(list(scores.values())).isfinite().all():
        raise RunError(
            f"{plan.run}: a score is not finite after epoch {epoch} with learning_rate "
            f"{plan.learning_rate:g}: {scores}; a checkpoint of an earlier epoch is kept. Try a smaller one."
        )
    return scores


def _resume(learner: Learner, checkpoint: Checkpoint, device: torch.device) -> Fitted:
    """Restore the learner and the generators from `checkpoint`; return what there is so far."""
    state = checkpoint.load()
    if state is None:
        return Fitted([], {})
    for name, part in learner.stateful().items():
        part.load_state_dict(state["parts"][name])
    set_rng_state(state["rng"], device)
    return Fitted(state["history"], state["snapshots"], state["seconds"])


def _save(learner: Learner, fitted: Fitted, checkpoint: Checkpoint, device: torch.device) -> None:
    parts = {name: part.state_dict() for name, part in learner.stateful().items()}
    checkpoint.save({"parts": parts, "rng": rng_state(device), **vars(fitted)})
