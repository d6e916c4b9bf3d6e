"""What is found of translators, a part of their chapter: where attention lies, and what it and forcing do.

A difference counts if it is above SURE standard errors over the seeds. Runs are compared with twins, which
differ in one setting alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regen.artifacts import Metrics
from regen.params import Params
from regen.report.cells import cell, spread
from regen.report.claims import NOT_SCORED, UNDECIDED
from regen.report.judge import SURE

MOST = 0.5
"""Share of the attention above which it is most of it."""


@dataclass(frozen=True)
class Found:
    """What is found of one thing that the report claims."""

    word: str
    """In the words of claims.yaml, UNDECIDED or NOT_SCORED."""
    told: str
    """With the numbers behind it, as a sentence."""


UNKNOWN = Found(NOT_SCORED, "Without a run that differs in this setting alone, nothing is compared.")


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its standard error, which is None for a single seed."""

    mean: float
    error: float | None

    @classmethod
    def of(cls, scores: Metrics, name: str) -> Estimate:
        """Score `name` of a run: the deviation is 0 where all its seeds have the same score."""
        seeds = int(scores.get("seeds", 1))
        deviation = float(scores.get(f"{name}_deviation", 0.0))
        return cls(float(scores[name]), deviation / math.sqrt(seeds) if seeds > 1 else None)

    @classmethod
    def over(cls, values: pd.Series[float]) -> Estimate:
        """Mean of one value per seed."""
        return cls(
            statistics.fmean(values),
            statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None,
        )

    def __sub__(self, other: Estimate) -> Estimate:
        """Difference of two independent estimates."""
        known = self.error is not None and other.error is not None
        error = math.hypot(self.error or 0.0, other.error or 0.0) if known else None
        return Estimate(self.mean - other.mean, error)

    def __str__(self) -> str:
        return self.text(2)

    def text(self, digits: int) -> str:
        """Mean and standard error, with so many digits after the point."""
        return spread(self.mean, self.error, digits)

    def word(self, above: str, below: str) -> str:
        """Word for where it surely lies with respect to 0; NOT_SCORED without a standard error."""
        if self.error is None:
            return NOT_SCORED
        sure = abs(self.mean) > SURE * self.error
        return UNDECIDED if not sure else above if self.mean > 0 else below


def twin(params: Params, name: str, **changes: Any) -> str | None:
    """Run like `name` but for `changes` and its seeds: `name` itself if it is so; None if there is none."""
    like = params.attention[name].model_copy(update={**changes, "seeds": None})
    runs = [name, *params.attention]
    return next(
        (run for run in runs if params.attention[run].model_copy(update={"seeds": None}) == like), None
    )


def findings(
    name: str,
    params: Params,
    scores: Mapping[str, Metrics],
    lengths: Mapping[str, pd.DataFrame],
    history: pd.DataFrame,
) -> dict[str, Found]:
    """What is found of the run `name`, by the metrics that claims may ask for; `history` is its own."""
    first = int(history["step"].min())
    plain, half = twin(params, name, attention="none"), twin(params, name, teacher_forcing=0.5)
    free, forced = (twin(params, name, teacher_forcing=forcing) for forcing in (0.0, 1.0))
    if params.attention[name].attention == "none":
        plain = None
    return {
        "diagonal": diagonal(scores[name]),
        "swaps": swaps(scores[name]),
        "alignment": gain(scores[name], scores[plain]) if plain else UNKNOWN,
        "alignment_of_long": gain_of_long(lengths[name], lengths[plain]) if plain else UNKNOWN,
        "forcing_speed": speed(scores[forced], scores[free], first) if forced and free else UNKNOWN,
        "forcing_always": always(scores[forced], scores[half]) if forced and half else UNKNOWN,
    }


def diagonal(scores: Metrics) -> Found:
    """Near: most of the attention, and more than attention spread evenly has there."""
    if "diagonal_share" not in scores:
        return Found(NOT_SCORED, "No attention.")
    share, even = Estimate.of(scores, "diagonal_share"), float(scores["even_diagonal_share"])
    sure = share.mean - SURE * (share.error or 0.0) > max(MOST, even)
    told = f"{share} of the attention is near the diagonal; spread evenly, {even:.2f} would be."
    return Found("near the diagonal" if sure else "not near the diagonal", told)


def swaps(scores: Metrics) -> Found:
    """Followed: where words swap, most of the attention is on the aligned word, across the diagonal."""
    if not isinstance(scores.get("aligned_share_swapped"), float | int):
        return Found(NOT_SCORED, "Which words swap is not known of these data.")
    share = Estimate.of(scores, "aligned_share_swapped")
    rest = Estimate.of(scores, "aligned_share_rest")
    sure = share.mean - SURE * (share.error or 0.0) > MOST
    told = (
        f"Where words swap, {share} of the attention is on the word that is translated, and {rest} elsewhere."
    )
    return Found("follows swaps" if sure else "does not follow swaps", told)


def gain(scores: Metrics, plain: Metrics) -> Found:
    """What attention adds to BLEU."""
    ours, theirs = Estimate.of(scores, "bleu"), Estimate.of(plain, "bleu")
    told = f"BLEU is {ours} with attention and {theirs} without; the difference is {ours - theirs} (± s.e.)."
    return Found((ours - theirs).word("better", "worse"), told)


def gain_of_long(lengths: pd.DataFrame, plain: pd.DataFrame) -> Found:
    """What attention adds to BLEU in the longest quarter of the sentences, against the shortest one."""
    ours, theirs = (table.pivot(index="seed", columns="quarter", values="bleu") for table in (lengths, plain))
    short, long = (
        Estimate.over(ours[quarter]) - Estimate.over(theirs[quarter])
        for quarter in (ours.columns.min(), ours.columns.max())
    )
    steeper = _slopes(ours) - _slopes(theirs)
    told = (
        f"Attention adds {long} BLEU in the longest quarter of the sentences and {short} in the shortest, a "
        f"difference of {steeper} (± s.e.)."
    )
    if not _apart(lengths):
        return Found(NOT_SCORED, f"{told} Both quarters have sentences of the same length.")
    words = (f"{how} on long sentences" for how in ("more", "less"))
    return Found(steeper.word(*words), told)


def _apart(lengths: pd.DataFrame) -> bool:
    """Whether all sentences of the longest quarter are longer than those of the shortest."""
    quarters = lengths.set_index("quarter")[["shortest", "longest"]].sort_index()
    return bool(quarters["shortest"].iloc[-1] > quarters["longest"].iloc[0])


def _slopes(bleu: pd.DataFrame) -> Estimate:
    """BLEU in the longest quarter above that in the shortest, of each seed."""
    return Estimate.over(bleu[bleu.columns.max()] - bleu[bleu.columns.min()])


def speed(forced: Metrics, free: Metrics, first: int) -> Found:
    """Steps to the level with forcing 1 against 0; never to reach it is slower than any number.

    Where both are there at the first validation, after `first` steps, nothing is known.
    """
    steps = [scores["steps_to_level"] for scores in (forced, free)]
    known = [Estimate.of(scores, "steps_to_level") for scores in (forced, free) if _is_reached(scores)]
    words = [each.text(0) for each in known] if len(known) == 2 else map(cell, steps)
    told = "Steps to the level: {} with forcing 1 and {} with forcing 0.".format(*words)
    if steps == [first, first]:
        return Found(NOT_SCORED, f"{told} That is the first validation, before which nothing is known.")
    if not known:
        return Found(NOT_SCORED, told)
    if len(known) == 1:
        return Found("faster" if _is_reached(forced) else "slower", told)
    return Found((known[0] - known[1]).word("slower", "faster"), told)


def _is_reached(scores: Metrics) -> bool:
    return not isinstance(scores["steps_to_level"], str)


def always(forced: Metrics, half: Metrics) -> Found:
    """BLEU of own decoding with forcing 1, against that with forcing 0.5."""
    difference = Estimate.of(forced, "bleu") - Estimate.of(half, "bleu")
    losses = [Estimate.of(scores, "test_loss").text(3) for scores in (forced, half)]
    told = (
        f"BLEU is {Estimate.of(forced, 'bleu')} with forcing 1 and {Estimate.of(half, 'bleu')} with 0.5, a "
        f"difference of {difference} (± s.e.); the test losses are {losses[0]} and {losses[1]} nats per word."
    )
    return Found(difference.word("better", "worse"), told)
