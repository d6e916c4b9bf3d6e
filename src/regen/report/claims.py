"""What the reports claim: `claims.yaml`, and which of our metrics stands for each claim."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regen.errors import InputError
from regen.params import read_yaml


@dataclass(frozen=True)
class Claim:
    """One claim: `expected` is the report's figure or wording for `metric` of `run`, `given` its settings."""

    id: str
    source: str
    run: str
    metric: str
    expected: float | str | list[float]
    what: str = ""
    tolerance: float = 0.0
    given: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claims:
    """All claims, by run and metric."""

    claims: tuple[Claim, ...]

    def find(self, run: str, metric: str) -> Claim | None:
        """Return what a report claims of a run's metric, or None."""
        return next((claim for claim in self.claims if (claim.run, claim.metric) == (run, metric)), None)

    def expected(self, run: str, metric: str) -> Any:
        """Return the report's figure or wording, or None."""
        claim = self.find(run, metric)
        return claim.expected if claim else None


def read_claims(path: Path) -> Claims:
    """Return the claims of `path`; InputError names the one that does not fit."""
    content = read_yaml(path)
    entries = content.get("claims") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise InputError(f"{path}: should hold a list named claims")
    return Claims(tuple(_claim(entry, path) for entry in entries))


def _claim(entry: Any, path: Path) -> Claim:
    if not isinstance(entry, dict):
        raise InputError(f"{path}: {entry!r}: should be a claim, with id, source, run, metric and expected")
    try:
        return Claim(**entry)
    except TypeError as error:
        raise InputError(f"{path}: {entry.get('id', entry)}: {error}") from None
