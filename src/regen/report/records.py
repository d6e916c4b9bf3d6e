"""Recorded runs, in results/: they tell what the last run cannot, on the reports' own data at full length."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regen import artifacts
from regen.report.results import Results
from regen.report.state import VERDICTS, marks_of, verdict_of

Claim = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """A recorded run."""

    name: str
    results: Results
    claims: Mapping[str, Claim]
    """Its verdicts, those alone that judge."""
    made_with: Mapping[str, Any]
    """Date, versions and machine."""

    @property
    def counts(self) -> dict[str, int]:
        """How many claims have which verdict."""
        found = [verdict_of(claim) for claim in self.claims.values()]
        return {verdict: found.count(verdict) for verdict in VERDICTS}


def read_records(folder: Path) -> list[Record]:
    """Runs recorded in `folder`, in alphabetic order; InputError names one that is damaged."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if (path / artifacts.REPORT_CLAIMS.name).exists():
            results = Results.of(path)
            judged = {k: claim for k, claim in results.claims.items() if verdict_of(claim) in VERDICTS}
            made_with = artifacts.read_metrics(path / "environment.json")
            found.append(Record(path.name, results, judged, made_with))
    return found


def beyond(records: Sequence[Record], claims: Mapping[str, Claim]) -> dict[str, list[tuple[str, Claim]]]:
    """What `records` add to the verdicts of this run, by claim: verdicts where it has none, or others.

    Each with the name of the recorded run.
    """
    found: dict[str, list[tuple[str, Claim]]] = {}
    for record in records:
        for name, theirs in record.claims.items():
            if name in claims and verdict_of(theirs) != verdict_of(claims[name]):
                found.setdefault(name, []).append((record.name, theirs))
    return found


def joined(records: Sequence[Record], claims: Mapping[str, Claim]) -> dict[str, Claim]:
    """Verdicts of this run, and where it has none those of `records`.

    Of several the one with the fewest marks counts, whose run was nearest to the report's.
    """
    found = dict(claims)
    for name, theirs in beyond(records, claims).items():
        if verdict_of(claims[name]) not in VERDICTS:
            found[name] = min((claim for _, claim in theirs), key=marks_of)
    return found


def embedded(picture: Path) -> str:
    """A picture as an address that holds it."""
    kind = picture.suffix.removeprefix(".")
    return f"data:image/{kind};base64,{base64.b64encode(picture.read_bytes()).decode()}"
