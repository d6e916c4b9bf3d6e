"""What is not let through: metrics much worse, verdicts lost, unless `accepted.yaml` accepts them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from regen.errors import InputError, suggest
from regen.report.changes import Changes

MOST = 3.0
"""Standard deviations over seeds by which a metric may get worse."""
Kind = Literal["metric", "claim"]
KINDS: tuple[Kind, ...] = ("metric", "claim")
KEYS = (*KINDS, "reason")


@dataclass(frozen=True)
class Accepted:
    """A line of `accepted.yaml`: what may get worse, and why."""

    kind: Kind
    name: str
    reason: str


@dataclass(frozen=True)
class Failure:
    """What got worse."""

    kind: Kind
    name: str
    told: str
    """By how much."""
    reason: str = ""
    """Why it is accepted; '' where it is not."""


@dataclass(frozen=True)
class Gate:
    """What got worse, and what was accepted of it."""

    failures: list[Failure]
    idle: list[Accepted]
    """Lines of `accepted.yaml` that accept nothing here."""

    @property
    def refused(self) -> list[Failure]:
        """What nobody accepted."""
        return [failure for failure in self.failures if not failure.reason]

    @classmethod
    def of(cls, changes: Changes, accepted: Collection[Accepted]) -> Gate:
        """Hold the changes against what is accepted."""
        reasons = {(each.kind, each.name): each.reason for each in accepted}
        found = [Failure(*each, reasons.get(each[:2], "")) for each in _worse(changes)]
        used = {(failure.kind, failure.name) for failure in found}
        return cls(found, [each for each in accepted if (each.kind, each.name) not in used])


def _worse(changes: Changes) -> list[tuple[Kind, str, str]]:
    """Kind, name and by how much of all that is worse than it may be."""
    claims: list[tuple[Kind, str, str]] = [
        ("claim", one.claim, f"{one.old}, now {one.new or 'no claim'}")
        for one in changes.verdicts or ()
        if one.lost
    ]
    metrics: list[tuple[Kind, str, str]] = [
        ("metric", one.name, f"worse by {size(one.size)}")
        for one in changes.metrics or ()
        if one.worse and one.size is not None and one.size > MOST
    ]
    return claims + metrics


def size(deviations: float) -> str:
    """Size of a change in words; one of what no seed changes is above all."""
    return "more than any seed makes" if math.isinf(deviations) else f"{deviations:.1f} deviations"


def as_accepted(content: Any, path: Path, known: Mapping[Kind, Collection[str]]) -> list[Accepted]:
    """Lines in the content of the YAML file `path`; InputError names the one that does not fit.

    `known` are the names of metrics and claims, of the base or the workspace.
    """
    if not isinstance(content, list | None):
        raise InputError(f"{path}: should hold a list, each line with a metric or claim and a reason")
    lines = [_line(entry, f"{path}: {number}", known) for number, entry in enumerate(content or (), start=1)]
    for number, line in enumerate(lines):
        if any((line.kind, line.name) == (other.kind, other.name) for other in lines[:number]):
            raise InputError(f"{path}: {number + 1}: {line.kind}: {line.name!r}: stands there before")
    return lines


def _line(entry: Any, where: str, known: Mapping[Kind, Collection[str]]) -> Accepted:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: {entry!r}: should have a metric or claim, and a reason")
    if unknown := [str(key) for key in entry if key not in KEYS]:
        raise InputError(f"{where}: {unknown[0]}: unknown key; {suggest(unknown[0], KEYS)}")
    kinds = [kind for kind in KINDS if kind in entry]
    if len(kinds) != 1:
        raise InputError(f"{where}: should have either 'metric' or 'claim'")
    (kind,) = kinds
    name, reason = entry[kind], entry.get("reason")
    if not isinstance(name, str) or name not in known[kind]:
        raise InputError(f"{where}: {kind}: {name!r}: unknown; {suggest(str(name), known[kind])}")
    if not isinstance(reason, str) or not reason.strip():
        raise InputError(f"{where}: reason: {reason!r}: should say why {name} may get worse")
    return Accepted(kind, name, reason.strip())
