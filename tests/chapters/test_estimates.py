import math

import pandas as pd
import pytest

from regen.chapters.estimates import Estimate

OURS = pd.Series({1: 3.0, 2: 5.0, 3: 7.0})  # deviation 2
THEIRS = pd.Series({3: 6.0, 1: 1.0, 2: 5.0})


def test_a_mean_over_seeds():
    found = Estimate.over(OURS)
    assert (found.mean, found.error) == (5.0, pytest.approx(2 / math.sqrt(3)))
    assert str(found) == "5.00 ± 1.15"


def test_the_same_seeds_are_compared_pair_by_pair():
    """Differences 2, 0, 1, of deviation 1."""
    found = Estimate.difference(OURS, THEIRS)
    assert (found.mean, found.error) == (1.0, pytest.approx(1 / math.sqrt(3)))


def test_means_of_other_seeds_are_independent():
    others = THEIRS.rename({1: 4, 2: 5, 3: 6})  # deviation sqrt(7)
    found = Estimate.difference(OURS, others)
    assert (found.mean, found.error) == (1.0, pytest.approx(math.sqrt((4 + 7) / 3)))
    assert Estimate.difference(OURS, others[:1]).error is None


@pytest.mark.parametrize(
    ("mean", "error", "word"),
    [
        (0.75, 0.125, "undecided"),
        (0.76, 0.125, "above"),
        (0.24, 0.125, "below"),
        (0.25, 0.125, "undecided"),
        (0.5, 0.0, "undecided"),
        (0.9, None, "not scored"),
    ],
)
def test_a_word_is_said_where_all_of_the_interval_bears_it_out(mean, error, word):
    assert Estimate(mean, error).word("above", "below", limit=0.5) == word


def test_one_seed_says_so():
    found = Estimate.over(OURS[:1])
    assert (found.error, f"{found} {found.how}") == (None, "3.00 (one seed: no standard error)")
