"""What changed between two revisions: verdicts, params, metrics and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from regen.artifacts import NOT_FINITE
from regen.report.columns import Better
from regen.report.judge import AGREES, NOT_RUN

FAR = 5.0
"""Deviations from the mean beyond which a metric is not one of those seeds', and they tell nothing of it.

Of five seeds' own kind it is so once in a hundred times (Student's t).
"""
Tree = Mapping[str, Any]
"""Sections within sections, as in params.yaml and metrics.json."""


@dataclass(frozen=True)
class State:
    """What one revision, or the workspace, shows."""

    params: Tree
    metrics: Tree | None
    """None where there is no such file, as in a first commit."""
    claims: Tree | None
    """The ledger, likewise."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """Hash of each figure, by path."""


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a metric over other seeds."""

    mean: float
    deviation: float

    def size(self, old: float, new: float) -> float | None:
        """Deviations by which a metric changed; None: they do not tell; infinite: no seed does it."""
        if math.isnan(self.deviation) or abs(old - self.mean) > FAR * self.deviation:
            return None
        return abs(new - old) / self.deviation if self.deviation > 0 else math.inf


@dataclass(frozen=True)
class Verdict:
    """A claim whose verdict is another one; '' where there is no such claim."""

    claim: str
    what: str
    old: str
    new: str
    why: str
    gone: bool
    """Whether one of its runs was taken out of params.yaml."""

    @property
    def lost(self) -> bool:
        """Whether it agreed, and does no more, without its run having been taken away."""
        taken_away = self.new == NOT_RUN and self.gone
        return self.old.startswith(AGREES) and not self.new.startswith(AGREES) and not taken_away


@dataclass(frozen=True)
class Metric:
    """A metric that changed: a number, or words in place of one."""

    name: str
    old: Any
    new: Any
    size: float | None
    """In standard deviations of what another seed changes; None where these are not known."""
    worse: bool | None
    """None where neither is the better one."""

    @property
    def change(self) -> float | None:
        """By how much; None where one of them is no number."""
        return self.new - self.old if _is_number(self.old) and _is_number(self.new) else None


@dataclass(frozen=True)
class Names:
    """Names of what is on both sides but differs, on one side alone, and equal on both."""

    changed: list[str]
    new: list[str]
    removed: list[str]
    equal: int

    @classmethod
    def of(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> Names:
        """Compare two mappings by their values, in the order of the new one."""
        both = [name for name in new if name in old]
        changed = [name for name in both if old[name] != new[name]]
        return cls(
            changed,
            [name for name in new if name not in old],
            [name for name in old if name not in new],
            len(both) - len(changed),
        )


@dataclass(frozen=True)
class Changes:
    """All that changed; None where the base has nothing to compare with."""

    params: list[tuple[str, Any, Any]]
    """Key, old and new value; None where there is none."""
    verdicts: list[Verdict] | None
    metrics: list[Metric] | None
    names: Names
    """Of the metrics."""
    figures: Names

    @classmethod
    def between(
        cls,
        old: State,
        new: State,
        runs: set[str],
        noise: Mapping[str, Spread],
        better: Mapping[str, Better],
    ) -> Changes:
        """Compare two states.

        Args:
            old: of the base
            new: of the workspace
            runs: those that its params have
            noise: what metrics are over seeds, by dotted name
            better: which values of a metric are the better ones, by the last part of its name
        """
        before, after = flat(old.metrics or {}), flat(new.metrics or {})
        return cls(
            params=param_changes(old.params, new.params),
            verdicts=None
            if old.claims is None or new.claims is None
            else verdict_changes(old.claims, new.claims, runs),
            metrics=None if old.metrics is None else metric_changes(before, after, noise, better),
            names=Names.of(before, after),
            figures=Names.of(old.figures, new.figures),
        )


def flat(tree: Tree, prefix: str = "") -> dict[str, Any]:
    """Leaves of a tree by dotted name, as `dvc metrics diff` names them."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return found


def param_changes(old: Tree, new: Tree) -> list[tuple[str, Any, Any]]:
    """Leaves that differ: key, old and new value."""
    before, after = flat(old), flat(new)
    names = Names.of(before, after)
    return [(key, before.get(key), after.get(key)) for key in (*names.changed, *names.new, *names.removed)]


def verdict_changes(old: Tree, new: Tree, runs: set[str]) -> list[Verdict]:
    """Claims of two ledgers whose verdicts differ, those that agree no more first."""
    found = []
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name, {}), new.get(name, {})
        entry = after or before
        if before.get("verdict", "") != after.get("verdict", ""):
            gone = not set(entry.get("runs", [])) <= runs
            words = (str(entry.get("what", "")), before.get("verdict", ""), after.get("verdict", ""))
            found.append(Verdict(name, *words, why=str(after.get("why", "")), gone=gone))
    return sorted(found, key=lambda one: not one.lost)


def metric_changes(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    noise: Mapping[str, Spread],
    better: Mapping[str, Better],
) -> list[Metric]:
    """Metrics that are on both sides and differ, by dotted name: the largest in deviations first."""
    found = []
    for name in Names.of(old, new).changed:
        direction = better.get(name.rpartition(".")[2])
        size = _size(old[name], new[name], noise.get(name))
        found.append(Metric(name, old[name], new[name], size, _worse(old[name], new[name], direction)))
    return sorted(found, key=lambda one: (one.size is None, -(one.size or 0.0)))


def _size(old: Any, new: Any, spread: Spread | None) -> float | None:
    if NOT_FINITE in (old, new):
        return math.inf
    return spread.size(old, new) if spread and _is_number(old) and _is_number(new) else None


def _worse(old: Any, new: Any, direction: Better | None) -> bool | None:
    if NOT_FINITE in (old, new):
        return bool(new == NOT_FINITE)
    if direction is None or not (_is_number(old) and _is_number(new)):
        return None
    return bool(new > old) if direction == "lower" else bool(new < old)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
