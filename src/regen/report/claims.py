"""What the reports claim: `claims.yaml`, read and checked; and what is known of a run of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import ConfigDict, Field, StrictBool, StrictInt

from regen.errors import InputError, suggest
from regen.report.columns import Better, Column

UNDECIDED = "undecided"
"""In place of a word that not all of an interval of two standard errors bears out; and the verdict then."""
NOT_SCORED = "not scored"
"""In place of what was not measured, such as scores of images: it gets no verdict."""
COLUMNS = (*map(Column, ("claim", "what", "report", "ours")), Column("tolerance", "±"), Column("verdict"))
"""Of the ledger's table, as the book shows it."""
SECTIONS = ("sources", "claims")
ALLOWED = {
    "expected": "should be a number, words, or a list of numbers",
    "runs": "should be a list of names",
    "same": "should be a list of words",
}
"""What a key may hold, where pydantic would name each kind in a message of its own."""

Figure = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Size = Literal["width", "steps", "iterations"]
OTHER_SIZES: dict[Size, tuple[str, str]] = {
    "width": ("smaller networks", "larger networks"),
    "steps": ("fewer steps", "more steps"),
    "iterations": ("fewer iterations", "more iterations"),
}
"""What a verdict is marked with where ours is below the report's, and above."""


@dataclass(frozen=True)
class Claim:
    """One claim on `metric` of `run`: a figure, a word, or a curve of figures by epoch, in `expected`.

    With `runs` in place of `run`: that these runs come in this order, best first. `given` are the report's
    settings, without which no verdict is given; of `runs`, one may be a value for each, by name.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: str
    source: str
    metric: str
    expected: StrictInt | Figure | str | list[Figure] | None = None
    run: str = ""
    runs: list[str] = field(default_factory=list)
    better: Better | None = None
    """For metrics that no table shows, whose columns say it: which comes first; None: the lower."""
    what: str = ""
    tolerance: Annotated[Figure, Field(ge=0)] = 0.0
    at_most: StrictBool = False
    """Whether `expected` is a limit, which ours must not exceed."""
    given: dict[str, Any] = field(default_factory=dict)
    sizes: dict[Size, StrictInt] = field(default_factory=dict)
    """The report's; where ours are others, the verdict says so."""
    same: list[str] = field(default_factory=list)
    """Words of ours that mean what `expected` says in the report's."""
    judged: str = ""
    """How the word that is ours is found, where the ledger should say it."""
    question: str = ""
    """Number of the report's question, where it is known."""

    def __post_init__(self) -> None:
        if bool(self.run) == bool(self.runs) or (self.run and self.expected is None):
            raise ValueError("should have 'run' and 'expected', or 'runs'")
        if self.at_most and not isinstance(self.expected, int | float):
            raise ValueError("at_most: allowed where 'expected' is a number")
        if self.same and not isinstance(self.expected, str):
            raise ValueError("same: allowed where 'expected' is words")
        if self.judged and not isinstance(self.expected, str):
            raise ValueError("judged: allowed where 'expected' is words")
        for key, value in self.given.items():
            if isinstance(value, dict) and value.keys() != set(self.names):
                raise ValueError(
                    f"given: {key}: should be a value, or one for each of {', '.join(self.names)}"
                )

    @property
    def names(self) -> list[str]:
        """Runs that it is about."""
        return self.runs or [self.run]

    def given_of(self, run: str) -> dict[str, Any]:
        """The report's settings of one of its runs."""
        return {key: value[run] if isinstance(value, dict) else value for key, value in self.given.items()}


@dataclass(frozen=True)
class Facts:
    """What is known of a run of ours: its settings, which claims may ask for, and its metrics."""

    settings: Mapping[str, Any]
    metrics: Mapping[str, Any]
    told: Mapping[str, str] = field(default_factory=dict)
    """Sentences with the numbers behind a metric, by its name, where a family has some."""
    beside: Mapping[str, Facts] = field(default_factory=dict)
    """Scores by other extractors than the one of `settings`, by extractor."""

    def scored_by(self, extractor: str | None) -> Facts:
        """The same with the scores of `extractor`, where it has made some."""
        if (scores := self.beside.get(extractor or "")) is None:
            return self
        return replace(
            self, settings={**self.settings, **scores.settings}, metrics={**self.metrics, **scores.metrics}
        )


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
        about = (claim.given_of(run) for claim in self.claims if run in claim.names)
        return next((given["data"] for given in about if "data" in given), None)

    def check_runs(self, known: Collection[str], path: Path) -> None:
        """Raise InputError, naming the first claim of `path` on a run that is not among `known`."""
        for claim in self.claims:
            for name in claim.names:
                if name not in known:
                    raise InputError(
                        f"{path}: {claim.id}: {name!r}: no run of params.yaml nor of profiles/; "
                        f"{suggest(name, known)}"
                    )


# ---- the file --------------------------------------------------------------------------------------------


def as_claims(content: Any, path: Path) -> Claims:
    """Claims in the content of the YAML file `path`; InputError names the one that does not fit."""
    if not isinstance(content, dict) or not isinstance(entries := content.get("claims"), list):
        raise InputError(f"{path}: should hold a list named claims")
    if unknown := sorted(map(str, content.keys() - set(SECTIONS))):
        raise InputError(f"{path}: {unknown[0]}: unknown key; {suggest(unknown[0], SECTIONS)}")
    claims = tuple(_claim(entry, path) for entry in entries)
    _check_ids(claims, path)
    _check_sources(claims, content.get("sources"), path)
    return Claims(claims)


def _claim(entry: Any, path: Path) -> Claim:
    if not isinstance(entry, dict):
        raise InputError(f"{path}: {entry!r}: should be a claim, with id, source, run, metric and expected")
    try:
        return pydantic.TypeAdapter(Claim).validate_python(entry)
    except pydantic.ValidationError as error:
        name = entry.get("id", str(entry))
        raise InputError(f"{path}: {name}: {_mistake(error.errors()[0], entry)}") from None


def _mistake(error: Any, entry: Mapping[str, Any]) -> str:
    """What is wrong with one key of `entry`, or with several together."""
    key = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{key!r}: unknown key; {suggest(key, (each.name for each in fields(Claim)))}"
    if error["type"] in ("missing", "missing_argument"):
        return f"{key!r}: missing"
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "should be")
    return f"{key}: {entry[key]!r}: {ALLOWED.get(key, message)}" if key else message


def _check_ids(claims: Collection[Claim], path: Path) -> None:
    counts = Counter(claim.id for claim in claims)
    if again := [name for name, count in counts.items() if count > 1]:
        raise InputError(f"{path}: {again[0]}: id: stands there {counts[again[0]]} times; allowed: once")


def _check_sources(claims: Collection[Claim], sources: Any, path: Path) -> None:
    if not isinstance(sources, dict) or not all(isinstance(words, str) for words in sources.values()):
        raise InputError(f"{path}: sources: should name the reports, each with a line on what it is")
    for claim in claims:
        if claim.source not in sources:
            raise InputError(
                f"{path}: {claim.id}: source: {claim.source!r}: unknown; "
                f"{suggest(claim.source, map(str, sources))}"
            )
