import pandas as pd
import pytest

from chapters.made_up import BITS, edit, write
from regen import artifacts
from regen.chapters import realnvp
from regen.report.claims import Claim, Claims

CLAIMS = Claims((Claim("m", "src", "progress", "falls", "rnvp", given={"data": "mnist"}),))


@pytest.fixture
def read(recorded):
    return lambda: realnvp.chapter(recorded, CLAIMS)


def test_a_row_for_readers(read):
    chapter = read()
    row = ["rnvp", "digits", "3", "2.38", "2.50", "2.750", "0.050", "0.000244", "mnist"]
    assert chapter.tables[0].rows == [row]


def test_of_several_seeds_the_deviation_is_shown(read):
    edit(
        artifacts.scores_file("rnvp", "training"),
        train_bits_per_dimension_deviation=0.0625,
        test_bits_per_dimension_deviation=0.125,
    )
    chapter = read()
    (table,) = chapter.tables
    assert table.rows[0][3:7] == ["2.375 ± 0.062", "2.50", "2.750 ± 0.125", "0.050"]


def test_what_claims_may_ask_for_and_metrics_follow(read):
    chapter = read()
    assert chapter.facts["rnvp"].settings == {"data": "digits", "epochs": 3}
    assert chapter.facts["rnvp"].metrics["test_bits_per_dimension"] == 2.75
    assert chapter.metrics["rnvp"] == {
        "train_bits_per_dimension": 2.375,
        "valid_bits_per_dimension": 2.5,
        "test_bits_per_dimension": 2.75,
        "reconstruction_error": 0.000244,
    }


@pytest.mark.parametrize(
    ("bits", "word"), [(BITS, "falls"), ([3.5, 2.0, 3.5], "does not fall"), ([3.5], "does not fall")]
)
def test_progress_is_the_last_epoch_against_the_first(bits, word):
    epochs = range(1, len(bits) + 1)
    write({artifacts.history_file("rnvp"): pd.DataFrame({"epoch": epochs, "valid_bits_per_dimension": bits})})
    assert realnvp.progress("rnvp") == word


def test_progress_is_of_the_mean_over_seeds():
    """The first seed falls by 1, the second rises by 2."""
    history = pd.DataFrame({"seed": [1, 1, 2, 2], "epoch": [1, 2, 1, 2]})
    write({artifacts.history_file("rnvp"): history.assign(valid_bits_per_dimension=[3.0, 2.0, 3.0, 5.0])})
    assert realnvp.progress("rnvp") == "does not fall"
