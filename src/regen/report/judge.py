"""Verdicts on claims, from what is known of our runs and, where several seeds were trained, how surely.

A mean over seeds has a standard error, the deviation over the seeds by the square root of their number; twice
that either side is the interval that a verdict must hold for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from regen.artifacts import metric, rounded
from regen.errors import InputError, suggest
from regen.report.claims import NOT_SCORED, OTHER_SIZES, UNDECIDED, Claim, Claims, Facts
from regen.report.columns import Better

AGREES, DIFFERS, NOT_RUN = "agrees", "differs", "not run"
SURE = 2.0
"""Standard errors either side of a mean that its interval reaches."""
LEAST = 0.1
"""Share of a report's size below which an order or a trend of ours tells nothing of its own."""


@dataclass(frozen=True)
class Judged:
    """A claim with its verdict."""

    claim: Claim
    expected: Any
    """Of a curve, at the epoch where it is furthest from ours; of an order, the names of its runs."""
    ours: Any
    """None where it was not run."""
    verdict: str
    why: str
    """How the verdict follows, or why there is none."""
    error: float | None = None
    """Standard error of ours over the seeds, where it is known."""


@dataclass(frozen=True)
class Measured:
    """A metric of a run of ours: a number, words, or a curve; with its standard error over seeds."""

    value: Any
    error: float | None
    seeds: int

    @classmethod
    def of(cls, claim: Claim, facts: Facts, run: str) -> Measured:
        """What `claim` asks for; InputError if there is no such metric."""
        known = facts.metrics
        if claim.metric not in known:
            raise InputError(
                f"claims.yaml: {claim.id}: {claim.metric!r} is no metric of {run}; "
                f"{suggest(claim.metric, map(str, known))}"
            )
        seeds, deviation = known.get("seeds", 1), known.get(f"{claim.metric}_deviation")
        several = isinstance(seeds, int | float) and seeds > 1
        error = None
        if several and isinstance(deviation, int | float) and math.isfinite(deviation):
            error = deviation / math.sqrt(seeds)
        return cls(known[claim.metric], error, int(seeds) if several else 1)

    @property
    def margin(self) -> float:
        """Half of the interval; 0 where it has none."""
        return SURE * (self.error or 0.0)

    @property
    def without(self) -> str:
        """Why there is no interval; nothing where there is one."""
        if self.error is not None:
            return ""
        return "; one seed: no interval" if self.seeds == 1 else "; no deviation over seeds: no interval"


def judge(
    claims: Claims,
    facts: Mapping[str, Facts],
    better: Mapping[str, Better] | None = None,
    marks: Mapping[str, str] | None = None,
) -> list[Judged]:
    """Verdicts on all claims, in their order.

    A curve is compared where it is furthest from the report's. A run with other settings than the report's,
    such as its data, gets no verdict, nor does one that was not scored, or not run; of other `sizes`, its
    verdict is marked, and there is none below LEAST of them. `better` says which values of a metric come
    first in an order, `marks` what follows the verdicts on a run, as where its data is a copy.

    Raises:
        InputError: a claim asks for a metric that its run does not have.
    """
    return [_judge(claim, facts, better or {}, marks or {}) for claim in claims.claims]


def _judge(
    claim: Claim, facts: Mapping[str, Facts], better: Mapping[str, Better], marks: Mapping[str, str]
) -> Judged:
    extractor = claim.given.get("extractor")
    facts = {name: facts[name].scored_by(extractor) for name in claim.names if name in facts}
    there = {name: Measured.of(claim, found, name) for name, found in facts.items()}
    if absent := [name for name in claim.names if name not in facts]:
        expected = ", ".join(claim.runs) or claim.expected
        return Judged(claim, expected, None, NOT_RUN, f"params.yaml has no run {', '.join(absent)}.")
    first = claim.better or better.get(claim.metric, "lower")
    judged = _ordered(claim, list(there.values()), first) if claim.runs else _compared(claim, *there.values())
    if any(measured.value == NOT_SCORED for measured in there.values()):
        judged = replace(judged, verdict=NOT_SCORED, why="What was measured does not tell.")
    if other := _other(claim, facts) or _too_small(claim, facts):
        judged = replace(judged, verdict=other[0], why=other[1])
    elif judged.verdict in (AGREES, DIFFERS, UNDECIDED):
        judged = replace(judged, verdict=judged.verdict + _size_mark(claim, facts))
    mark = next((marks[name] for name in claim.names if name in marks), "")
    told = [text for name in claim.names if (text := facts[name].told.get(claim.metric))]
    return replace(judged, verdict=judged.verdict + mark, why=" ".join([judged.why, *told]))


def _other(claim: Claim, facts: Mapping[str, Facts]) -> tuple[str, str] | None:
    """`other data` and a sentence, of the first setting that is not the report's; None where all are."""
    for key in claim.given:
        for name in claim.names:
            ours, theirs = facts[name].settings.get(key), claim.given_of(name)[key]
            if ours != theirs:
                words = key.replace("_", " ")
                verb = "are" if words.endswith("s") or words == "data" else "is"
                known = "not known" if ours is None else ours
                return f"other {words}", f"Our {words} {verb} {known}, the report's {theirs}."
    return None


def _too_small(claim: Claim, facts: Mapping[str, Facts]) -> tuple[str, str] | None:
    """`far fewer steps` or the like, and a sentence, of the first size that is too small; None: none."""
    for key, theirs in claim.sizes.items():
        if (ours := min(_sizes(claim, facts, key), default=theirs)) < LEAST * theirs:
            return (
                f"far {OTHER_SIZES[key][0]}",
                f"Our {key}: {ours}, the report's: {theirs}; judged from a tenth on.",
            )
    return None


def _sizes(claim: Claim, facts: Mapping[str, Facts], key: str) -> list[int]:
    """Our sizes, those that are numbers; what tells of several runs may have several."""
    found = (facts[name].settings.get(key) for name in claim.names)
    sizes = [size for each in found for size in (each if isinstance(each, list) else [each])]
    return [size for size in sizes if isinstance(size, int)]


def _size_mark(claim: Claim, facts: Mapping[str, Facts]) -> str:
    """In which sizes ours differ from the report's; a trend or an order is judged all the same."""
    words = []
    for key, theirs in claim.sizes.items():
        ours = _sizes(claim, facts, key)
        smaller, larger = OTHER_SIZES[key]
        words += [smaller] if min(ours, default=theirs) < theirs else []
        words += [larger] if max(ours, default=theirs) > theirs else []
    return f" ({', '.join(words)})" if words else ""


# ---- one run ---------------------------------------------------------------------------------------------


def _compared(claim: Claim, ours: Measured) -> Judged:
    """Verdict on a figure, a curve or words."""
    if isinstance(claim.expected, list):
        return _curve(claim, claim.expected, ours)
    if isinstance(claim.expected, str) or isinstance(ours.value, str):
        return _worded(claim, ours.value)
    return _figure(claim, claim.expected, ours)


def _worded(claim: Claim, ours: Any) -> Judged:
    if ours == UNDECIDED:
        return Judged(claim, claim.expected, ours, UNDECIDED, "Two standard errors either way do not tell.")
    if ours in claim.same:
        return Judged(claim, claim.expected, ours, AGREES, f"Ours is '{ours}', which the report calls so.")
    same = ours == claim.expected
    why = "Ours is the same." if same else f"Ours is '{ours}'."
    return Judged(claim, claim.expected, ours, AGREES if same else DIFFERS, why)


def _figure(claim: Claim, expected: Any, ours: Measured) -> Judged:
    """Verdict on a number: whether its distance, or ours itself, is within the limit."""
    distance = ours.value if claim.at_most else abs(ours.value - expected)
    limit = expected if claim.at_most else claim.tolerance
    if distance + ours.margin <= limit:
        verdict, relation = AGREES, "at most" if claim.at_most else "within"
    elif distance - ours.margin > limit:
        verdict, relation = DIFFERS, "above"
    else:
        verdict, relation = UNDECIDED, "partly above"
    what = "Ours is" if claim.at_most else "The difference is"
    interval = f" ± {_short(ours.margin)} (2 s.e. over {ours.seeds} seeds)" if ours.error is not None else ""
    why = f"{what} {_short(distance)}{interval}, {relation} {limit:g}{ours.without}."
    if not limit and ours.error is None:  # a count, which no seed changes
        why = "Ours is the same." if verdict == AGREES else f"Ours is {ours.value}."
    return Judged(claim, expected, ours.value, verdict, why, ours.error)


def _curve(claim: Claim, expected: list[float], ours: Measured) -> Judged:
    """Verdict on a curve where it is furthest from the report's; what is not finite is furthest of all."""
    pairs = list(zip(ours.value, expected, strict=False))
    distances = [abs(a - b) if isinstance(metric(a), float | int) else math.inf for a, b in pairs]
    distance = max(distances)
    epoch = distances.index(distance)
    agrees = distance <= claim.tolerance
    why = (
        f"The two are furthest apart after epoch {epoch + 1}, by {_short(distance)}, "
        f"{'within' if agrees else 'above'} {claim.tolerance:g}; a curve has no interval."
    )
    value = metric(pairs[epoch][0])
    return Judged(claim, pairs[epoch][1], value, AGREES if agrees else DIFFERS, why)


# ---- several runs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """Two neighbours of an order: by how much the first is ahead, give or take `margin`, as far as known."""

    first: str
    second: str
    lead: float
    margin: float
    sure: bool
    """Whether the errors of both are known."""

    @property
    def holds(self) -> bool:
        """Whether they are in this order."""
        return self.lead > self.margin

    @property
    def reversed(self) -> bool:
        """Whether they are in the other."""
        return self.lead < -self.margin

    def __str__(self) -> str:
        ahead, behind = (self.first, self.second) if self.lead >= 0 else (self.second, self.first)
        of_one = "" if self.sure else " of the one with several seeds"
        interval = f" ± {_short(self.margin)} (2 s.e.{of_one})" if self.sure or self.margin else ""
        return f"{ahead} is ahead of {behind} by {_short(abs(self.lead))}{interval}"


def _ordered(claim: Claim, ours: Sequence[Measured], better: Better) -> Judged:
    """Verdict on an order: each neighbouring pair has to be in it."""
    theirs, values = ", ".join(claim.runs), [each.value for each in ours]
    if words := [value for value in values if isinstance(value, str)]:
        return Judged(claim, theirs, words[0], DIFFERS, f"One of ours is '{words[0]}'.")
    sign = 1 if better == "lower" else -1
    order = sorted(range(len(values)), key=lambda i: sign * values[i])
    told = ", ".join(f"{claim.runs[i]} ({values[i]:.2f})" for i in order)
    pairs = [
        Pair(
            *names, sign * (b.value - a.value), math.hypot(a.margin, b.margin), None not in (a.error, b.error)
        )
        for names, (a, b) in zip(pairwise(claim.runs), pairwise(ours), strict=True)
    ]
    if wrong := [pair for pair in pairs if pair.reversed]:
        verdict, pair = DIFFERS, min(wrong, key=lambda pair: pair.lead + pair.margin)
    else:
        verdict = AGREES if all(pair.holds for pair in pairs) else UNDECIDED
        pair = min(pairs, key=lambda pair: pair.lead - pair.margin)
    how = "" if verdict == DIFFERS or len(pairs) == 1 else "Closest of all, "
    without = next((each.without for each in ours if each.without), "") if not pair.sure else ""
    return Judged(claim, theirs, told, verdict, f"{how}{pair}{without}.")


def _short(value: float) -> str:
    """About three digits: the numbers behind it are published with six."""
    return f"{rounded(float(value)):.3g}"
