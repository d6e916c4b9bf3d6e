import hashlib
from datetime import date, timedelta

import numpy as np
import pytest
import torch

from regen.artifacts import SPECIAL, UNKNOWN
from regen.data.catalog import CORPORA
from regen.data.dates import FIRST, LAST, dated_pairs, in_words
from regen.data.pairs import as_corpus
from regen.data.text import tokenised

SIZES = CORPORA["dates"].sizes


@pytest.fixture(scope="module")
def splits():
    return dated_pairs(SIZES)


@pytest.fixture(scope="module")
def corpus(splits):
    return as_corpus("dates", splits, "")


IN_WORDS = {
    date(1984, 5, 3): (
        "thursday may third nineteen eighty-four",
        "jeudi trois mai mille neuf cent quatre-vingt-quatre",
    ),
    date(1800, 1, 1): (
        "wednesday january first eighteen hundred",
        "mercredi premier janvier mille huit cents",
    ),
    date(1901, 8, 21): (
        "wednesday august twenty-first nineteen oh-one",
        "mercredi vingt et un août mille neuf cent un",
    ),
    date(2000, 12, 31): (
        "sunday december thirty-first two thousand",
        "dimanche trente et un décembre deux mille",
    ),
    date(2009, 3, 17): (
        "tuesday march seventeenth two thousand and nine",
        "mardi dix-sept mars deux mille neuf",
    ),
    date(2080, 7, 11): (
        "thursday july eleventh twenty eighty",
        "jeudi onze juillet deux mille quatre-vingts",
    ),
}


@pytest.mark.parametrize("day", IN_WORDS, ids=str)
def test_dates_in_words(day):
    pair = in_words(day)
    assert (" ".join(pair.source), " ".join(pair.target)) == IN_WORDS[day]


# What each French word translates, without the splitting of words that the generator does.
ANSWERS = {
    date(1984, 5, 3): "jeudi=thursday trois=third* mai=may* mille=nineteen neuf=nineteen cent=nineteen "
    "quatre-vingt-quatre=eighty-four",
    date(1800, 1, 31): "vendredi=friday trente=thirty-first* et=thirty-first* un=thirty-first* "
    "janvier=january* mille=eighteen huit=eighteen cents=hundred",
    date(1871, 2, 1): "mercredi=wednesday premier=first* février=february* mille=eighteen huit=eighteen "
    "cent=eighteen soixante=seventy-one et=seventy-one onze=seventy-one",
    date(2000, 6, 9): "vendredi=friday neuf=ninth* juin=june* deux=two mille=thousand",
    date(2001, 6, 9): "samedi=saturday neuf=ninth* juin=june* deux=two mille=thousand un=one",
    date(2010, 6, 9): "mercredi=wednesday neuf=ninth* juin=june* deux=twenty mille=twenty dix=ten",
    date(2061, 6, 9): "jeudi=thursday neuf=ninth* juin=june* deux=twenty mille=twenty soixante=sixty-one "
    "et=sixty-one un=sixty-one",
}


@pytest.mark.parametrize("day", ANSWERS, ids=str)
def test_which_word_translates_which(day):
    pair = in_words(day)
    answers = zip(pair.target, pair.alignment, pair.swapped, strict=True)
    said = [f"{word}={pair.source[place]}{'*' * moved}" for word, place, moved in answers]
    assert " ".join(said) == ANSWERS[day]


def test_all_words_but_and_are_translated_in_order_but_for_day_and_month():
    for number in range(0, (LAST - FIRST).days + 1, 11):
        pair = in_words(FIRST + timedelta(days=number))
        assert {word for place, word in enumerate(pair.source) if place not in pair.alignment} <= {"and"}
        answers = list(zip(pair.alignment, pair.swapped, strict=True))
        in_place = [place for place, moved in answers if not moved]
        assert in_place == sorted(in_place)
        assert {place for place, moved in answers if moved} == {1, 2}


def test_no_date_is_in_two_splits(splits):
    assert tuple(map(len, splits.values())) == SIZES
    pairs = [pair for part in splits.values() for pair in part]
    for sentences in ([tuple(pair.source) for pair in pairs], [tuple(pair.target) for pair in pairs]):
        assert len({*sentences}) == len(sentences) == sum(SIZES)


def test_the_dates_never_change(splits):
    """Neither by the seed of a run nor by another version of Babel, num2words or NumPy."""
    torch.manual_seed(5)
    np.random.seed(5)
    digest = hashlib.sha256()
    for split, pairs in dated_pairs(SIZES).items():
        assert pairs == splits[split]
        for pair in pairs:
            line = f"{split}\t{' '.join(pair.source)}\t{' '.join(pair.target)}\t{pair.alignment}\n"
            digest.update(line.encode())
    assert digest.hexdigest() == ("6091f7c5346bf44d9509d68363f787b971702035e301264b5dcb3133e62ad2c6")


def test_no_word_of_valid_and_test_is_unknown(corpus):
    for pairs in corpus.splits.values():
        assert not (pairs.source == UNKNOWN).any()
        assert not (pairs.target == UNKNOWN).any()


def test_indices_are_those_of_the_words(corpus):
    for pairs in corpus.splits.values():
        for text, row in zip(pairs.targets[:50], pairs.target.tolist(), strict=False):
            assert " ".join(corpus.target_words[index] for index in row if index >= len(SPECIAL)) == text
        assert pairs.alignment.shape == pairs.swapped.shape == pairs.target.shape
        assert torch.equal(pairs.alignment >= 0, pairs.target >= len(SPECIAL))


def test_the_tokeniser_leaves_dates_as_they_are(splits):
    """So that what a user types is what the networks have learned."""
    for pair in splits["valid"]:
        assert tokenised(" ".join(pair.source).title(), "en") == pair.source
        assert tokenised(" ".join(pair.target), "fr") == pair.target
