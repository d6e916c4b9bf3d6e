"""What the reports claim: `claims.yaml`, and what our figures say of each claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from regen.errors import InputError
from regen.report.columns import Better, Column

NOT_SCORED = "not scored"
"""In place of what was not measured, such as scores of images: it gets no verdict."""
COLUMNS = (*map(Column, ("claim", "what", "report", "ours")), Column("tolerance", "±"), Column("verdict"))


@dataclass(frozen=True)
class Claim:
    """One claim on `metric` of `run`: a figure, a word, or a curve of figures by epoch, in `expected`.

    With `runs` in place of `run`: that these runs come in this order, best first. `given` are the report's
    settings, without which no verdict is given.
    """

    id: str
    source: str
    metric: str
    expected: float | str | list[float] | None = None
    run: str = ""
    runs: list[str] = field(default_factory=list)
    better: Better | None = None
    """For metrics that no table shows, whose columns say it: which comes first; None: the lower."""
    what: str = ""
    tolerance: float = 0.0
    at_most: bool = False
    """Whether `expected` is a limit, which ours must not exceed."""
    given: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if bool(self.run) == bool(self.runs) or (self.run and self.expected is None):
            raise TypeError("should have 'run' and 'expected', or 'runs'")


@dataclass(frozen=True)
class Facts:
    """What is known of a run of ours: its settings, which claims may ask for, and its metrics."""

    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Claims:
    """All claims, by run and metric."""

    claims: tuple[Claim, ...]

    def find(self, run: str, metric: str) -> Claim | None:
        """Claim on a run's metric, or None."""
        return next((claim for claim in self.claims if (claim.run, claim.metric) == (run, metric)), None)

    def expected(self, run: str, metric: str) -> Any:
        """Figure or wording of the report, or None."""
        claim = self.find(run, metric)
        return claim.expected if claim else None

    def data(self, run: str) -> str | None:
        """Name of the data on which a report made what it claims of a run, or None."""
        about = (claim.given for claim in self.claims if run in (claim.run, *claim.runs))
        return next((given["data"] for given in about if "data" in given), None)


def as_claims(content: Any, path: Path) -> Claims:
    """Claims in the content of the YAML file `path`; InputError names the one that does not fit."""
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


def judge(
    claims: Claims,
    facts: Mapping[str, Facts],
    better: Mapping[str, Better] | None = None,
    marks: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Verdicts: a row for each claim on runs that there are, with the report's figure and ours.

    A curve is compared where it is furthest from the report's. A run with other settings than the report's,
    such as its data, gets no verdict, nor does one that was not scored. `better` says which values of a
    metric come first in an order, `marks` what follows the verdicts on a run, as where its data is a copy.
    """
    rows = []
    for claim in claims.claims:
        names = claim.runs or [claim.run]
        if all(name in facts for name in names):
            these = [facts[name] for name in names]
            first = claim.better or (better or {}).get(claim.metric, "lower")
            ours, expected, agrees = _ordered(claim, these, first) if claim.runs else _compared(claim, *these)
            verdict = _other(claim, these) or (
                "agrees" if agrees else NOT_SCORED if ours == NOT_SCORED else "differs"
            )
            mark = next((marks[name] for name in names if name in marks), "") if marks else ""
            rows.append((claim.id, claim.what, expected, ours, claim.tolerance or None, verdict + mark))
    return pd.DataFrame(rows, columns=[column.key for column in COLUMNS])


def _other(claim: Claim, facts: list[Facts]) -> str:
    """`other data`, of the first setting that is not the report's; nothing where all are."""
    other = (key for key, value in claim.given.items() for each in facts if each.settings.get(key) != value)
    name = next(other, "")
    return name and f"other {name.replace('_', ' ')}"


def _compared(claim: Claim, facts: Facts) -> tuple[Any, Any, bool]:
    """Our figure, the report's, and whether they agree; of a curve, where they are furthest apart."""
    ours, expected = _value(claim, facts), claim.expected
    if isinstance(expected, list):
        ours, expected = max(zip(ours, expected, strict=False), key=lambda pair: abs(pair[0] - pair[1]))
    if isinstance(expected, str) or isinstance(ours, str):
        return ours, expected, ours == expected
    return ours, expected, ours <= expected if claim.at_most else abs(ours - expected) <= claim.tolerance


def _ordered(claim: Claim, facts: list[Facts], better: Better) -> tuple[str, str, bool]:
    """Our order and the report's, best first, and whether they are the same."""
    values = [_value(claim, each) for each in facts]
    sign = 1 if better == "lower" else -1
    words = [value for value in values if isinstance(value, str)]
    order = [] if words else sorted(range(len(values)), key=lambda i: sign * values[i])
    ours = ", ".join(f"{claim.runs[i]} ({values[i]:.2f})" for i in order) or words[0]
    return ours, ", ".join(claim.runs), order == list(range(len(values)))


def _value(claim: Claim, facts: Facts) -> Any:
    if claim.metric not in facts.metrics:
        raise InputError(
            f"claims.yaml: {claim.id}: {claim.metric!r} is no metric of {claim.run or claim.runs}"
        )
    return facts.metrics[claim.metric]
