"""`dates`: dates in English and French words, with the alignment of their words. Needs no download.

`thursday may third nineteen eighty-four` is `jeudi trois mai mille neuf cent quatre-vingt-quatre`: month and
day swap places. Names of weekdays and months are the CLDR's, numbers are spelled out by num2words.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import numpy as np
from babel.dates import get_day_names, get_month_names
from num2words import num2words

from regen.artifacts.datasets import SPLITS
from regen.data.pairs import SentencePair

FIRST, LAST = date(1800, 1, 1), date(2099, 12, 31)
SPLIT_SEED = 1800  # fixed: the corpus does not depend on the `seed` of params.yaml
MAGNITUDES = ("hundred", "thousand")


def dated_pairs(sizes: tuple[int, int, int]) -> dict[str, list[SentencePair]]:
    """Draw dates for train, valid and test of those sizes, no date twice, always in the same order."""
    days = (LAST - FIRST).days + 1
    # RandomState is the only generator whose stream NumPy guarantees not to change (NEP 19).
    order = iter(np.random.RandomState(SPLIT_SEED).permutation(days).tolist())
    return {
        split: [in_words(FIRST + timedelta(days=next(order))) for _ in range(size)]
        for split, size in zip(SPLITS, sizes, strict=True)
    }


def in_words(day: date) -> SentencePair:
    """Write `day` in both languages, with the alignment.

    The source is weekday, month, day, year; the target is weekday, day, month, year. Weekday, month and day
    are one English word each, at 0, 1 and 2. The French day may have several, as in `vingt et un`, which all
    translate the one English word.
    """
    weekday, month = _names(day, "en")
    jour, mois = _names(day, "fr")
    number = _numeral(day.day, "fr", "ordinal" if day.day == 1 else "cardinal")  # le premier mai, le deux mai
    year, annee, year_alignment = _year(day.year)
    before_year = [0, *(2 for _ in number), 1]
    return SentencePair(
        source=[weekday, month, *_numeral(day.day, "en", "ordinal"), *year],
        target=[jour, *number, mois, *annee],
        alignment=[*before_year, *(3 + place for place in year_alignment)],
        swapped=[*(place > 0 for place in before_year), *(False for _ in annee)],
    )


def _names(day: date, language: str) -> tuple[str, str]:
    """Names of the weekday and the month, in lower case."""
    weekdays, months = get_day_names("wide", locale=language), get_month_names("wide", locale=language)
    return weekdays[day.weekday()].lower(), months[day.month].lower()


@cache
def _numeral(number: int, language: str, kind: str) -> tuple[str, ...]:
    words: str = num2words(number, lang=language, to=kind)
    return tuple(words.split())


def _year(year: int) -> tuple[tuple[str, ...], tuple[str, ...], list[int]]:
    """Write a year in both languages; for each French word, give the position of the English one.

    The languages divide a year differently: `nineteen eighty-four` is `mille neuf cent quatre-vingt-quatre`.
    All words of the French century translate the English century, and all words after it the last English
    word. Where English names a hundred or a thousand (`eighteen hundred`, `two thousand and one`), the last
    word of the French century translates it (`cents`, `mille`). The English `and` is not translated.
    """
    english, french = _numeral(year, "en", "year"), _numeral(year, "fr", "cardinal")
    century = len(_numeral(year - year % 100, "fr", "cardinal"))
    century_alignment = [0] * (century - 1) + [int(english[1] in MAGNITUDES)]
    return english, french, century_alignment + [len(english) - 1] * (len(french) - century)
