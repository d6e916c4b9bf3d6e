"""What is found of translators, a part of their chapter: where attention lies, and what it and forcing do.

A word is said where all of an interval of two standard errors over the seeds bears it out. Runs are compared
with twins, which differ in one setting alone, pair by pair of seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandas.api.types import is_numeric_dtype

from regen.chapters.estimates import Estimate
from regen.params import Params
from regen.report.claims import NOT_SCORED

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
class Record:
    """What is recorded of a translator."""

    scores: pd.DataFrame
    """Its measures on the test sentences, a row a seed."""
    lengths: pd.DataFrame
    """BLEU by the quarter of the source's length, a row a seed and quarter."""
    history: pd.DataFrame
    """Learning curves, a row a seed and epoch."""


def twin(params: Params, name: str, **changes: Any) -> str | None:
    """Run like `name` but for `changes` and its seeds: `name` itself if it is so; None if there is none."""
    like = params.attention[name].model_copy(update={**changes, "seeds": None})
    runs = [name, *params.attention]
    return next(
        (run for run in runs if params.attention[run].model_copy(update={"seeds": None}) == like), None
    )


def findings(name: str, params: Params, records: Mapping[str, Record]) -> dict[str, Found]:
    """What is found of the run `name`, by the metrics that claims may ask for."""
    own = records[name]
    plain, half = twin(params, name, attention="none"), twin(params, name, teacher_forcing=0.5)
    free, forced = (twin(params, name, teacher_forcing=forcing) for forcing in (0.0, 1.0))
    if params.attention[name].attention == "none":
        plain = None
    return {
        "diagonal": diagonal(own),
        "swaps": swaps(own),
        "alignment": gain(own, records[plain]) if plain else UNKNOWN,
        "alignment_of_long": gain_of_long(own, records[plain]) if plain else UNKNOWN,
        "forcing_speed": speed(records[forced], records[free]) if forced and free else UNKNOWN,
        "forcing_always": always(records[forced], records[half]) if forced and half else UNKNOWN,
    }


def diagonal(own: Record) -> Found:
    """Near: most of the attention, and more than attention spread evenly has there."""
    scores = own.scores
    if "diagonal_share" not in scores:
        return Found(NOT_SCORED, "No attention.")
    share, even = Estimate.over(scores["diagonal_share"]), scores["even_diagonal_share"].mean()
    told = f"{share} of the attention is near the diagonal; spread evenly, {even:.2f} would be."
    return Found(share.word("near the diagonal", "not near the diagonal", max(MOST, even)), told)


def swaps(own: Record) -> Found:
    """Followed: where words swap, most of the attention is on the aligned word, across the diagonal."""
    scores = own.scores
    if "aligned_share_swapped" not in scores or not is_numeric_dtype(scores["aligned_share_swapped"]):
        return Found(NOT_SCORED, "Which words swap is not known of these data.")
    share, rest = (Estimate.over(scores[f"aligned_share_{where}"]) for where in ("swapped", "rest"))
    told = (
        f"Where words swap, {share} of the attention is on the word that is translated, and {rest} elsewhere."
    )
    return Found(share.word("follows swaps", "does not follow swaps", MOST), told)


def gain(own: Record, plain: Record) -> Found:
    """What attention adds to BLEU."""
    ours, theirs = own.scores["bleu"], plain.scores["bleu"]
    gained = Estimate.difference(ours, theirs)
    told = (
        f"BLEU is {Estimate.over(ours)} with attention and {Estimate.over(theirs)} without; the difference "
        f"is {gained} {gained.how}."
    )
    return Found(gained.word("better", "worse"), told)


def gain_of_long(own: Record, plain: Record) -> Found:
    """What attention adds to BLEU in the longest quarter of the sentences, against the shortest one."""
    ours, theirs = (
        record.lengths.pivot(index="seed", columns="quarter", values="bleu") for record in (own, plain)
    )
    first, last = ours.columns.min(), ours.columns.max()
    short, long = (Estimate.difference(ours[quarter], theirs[quarter]) for quarter in (first, last))
    steeper = Estimate.difference(ours[last] - ours[first], theirs[last] - theirs[first])
    told = (
        f"Attention adds {long} BLEU in the longest quarter of the sentences and {short} in the shortest, a "
        f"difference of {steeper} {steeper.how}."
    )
    if not _apart(own.lengths):
        return Found(NOT_SCORED, f"{told} Sentences of both quarters share a length.")
    return Found(steeper.word("more on long sentences", "less on long sentences"), told)


def _apart(lengths: pd.DataFrame) -> bool:
    """Whether all sentences of the longest quarter are longer than those of the shortest."""
    quarters = lengths.set_index("quarter")[["shortest", "longest"]].sort_index()
    return bool(quarters["shortest"].iloc[-1] > quarters["longest"].iloc[0])


def speed(forced: Record, free: Record) -> Found:
    """Steps to the level with forcing 1 against 0.

    A seed that never reaches it counts with the steps of its whole training, fewer than it would have
    needed: what is compared, with its standard error, are means of times restricted to the training's, as
    where patients outlive a study (Royston and Parmar, 2013). That understates by how much its run is behind,
    and nothing is known where both have such seeds; nor where all are there at the first validation.
    """
    (ours, ours_late), (theirs, theirs_late) = map(_steps, (forced, free))
    told = (
        f"Steps to the level: {_steps_told(ours, ours_late)} with forcing 1 and "
        f"{_steps_told(theirs, theirs_late)} with forcing 0."
    )
    if ours_late and theirs_late:
        return Found(NOT_SCORED, told)
    first = int(forced.history["step"].min())
    if (ours == first).all() and (theirs == first).all():
        return Found(NOT_SCORED, f"{told} That is the first validation, before which nothing is known.")
    return Found(Estimate.difference(ours, theirs).word("slower", "faster"), told)


def _steps(record: Record) -> tuple[pd.Series[float], int]:
    """Steps to the level of each seed, and how many seeds never reach it."""
    steps = pd.to_numeric(record.scores["steps_to_level"], errors="coerce")
    return steps.fillna(record.history["step"].max()), int(steps.isna().sum())


def _steps_told(steps: pd.Series[float], late: int) -> str:
    told = Estimate.over(steps).text(0)
    return f"{told} or more ({late} of {len(steps)} seeds never reach it)" if late else told


def always(forced: Record, half: Record) -> Found:
    """BLEU of own decoding with forcing 1, against that with forcing 0.5."""
    difference = Estimate.difference(forced.scores["bleu"], half.scores["bleu"])
    bleu = [Estimate.over(record.scores["bleu"]) for record in (forced, half)]
    losses = [Estimate.over(record.scores["test_loss"]).text(3) for record in (forced, half)]
    told = (
        f"BLEU is {bleu[0]} with forcing 1 and {bleu[1]} with 0.5, a difference of {difference} "
        f"{difference.how}; the test losses are {losses[0]} and {losses[1]} nats per word."
    )
    return Found(difference.word("better", "worse"), told)
