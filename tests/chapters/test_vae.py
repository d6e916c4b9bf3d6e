import math

import pandas as pd
import pytest

from chapters.made_up import RUN, edit
from regen import artifacts
from regen.chapters import vae
from regen.chapters.scores import read_scores
from regen.report.claims import NOT_SCORED, Claim, Claims

CLAIMS = Claims(
    (
        Claim("a", "src", "valid_negative_elbo", 102.0, "l100", given={"data": "binarized_mnist"}),
        Claim("b", "src", "log_p", -95.592, "l100", given={"data": "binarized_mnist"}),
        Claim("c", "src", "log_p", -99.0, "same", given={"data": "binarized_mnist", "epochs": RUN["epochs"]}),
        Claim("d", "src", "valid_negative_elbo", 100.0, "same"),
    )
)


@pytest.fixture
def read(recorded):
    """Function that reads the chapter, of other params where some are given."""
    return lambda params=recorded: vae.chapter(params, CLAIMS, read_scores(recorded))


@pytest.fixture
def chapter(read):
    return read()


@pytest.fixture
def table(chapter):
    return chapter.tables[0]


def test_a_row_a_run_of_params_in_their_order(table):
    assert table.data["run"].tolist() == ["l100", "grey", "same", "same_planar"]  # not 'stale'
    assert table.data["data"].tolist() == [
        *("digits (binarized)", "mnist", "binarized_mnist", "binarized_mnist"),
    ]


def test_our_figures_beside_the_reports_in_the_file(table, tmp_path):
    """What no report claims is empty, and so is the deviation of one seed."""
    table.write(tmp_path / "vae.csv")
    assert (tmp_path / "vae.csv").read_text().split("\n")[1:3] == [
        "l100,digits (binarized),7,3,102.25,0.125,102,102.875,-97.125,0.0625,0.51234,-95.592,9,3.25,250,"
        "binarized_mnist",
        "grey,mnist,7,1,103.25,,,103.875,,,,,,,250,",
    ]


def test_rows_for_readers(table):
    ours = [", ".join(row) for row in table.rows]
    assert ours[:3] == [
        "l100, digits (binarized), 7, 3, 102.25 ± 0.12, 102, 102.88, -97.12 ± 0.06, 0.512, -95.59, 9, 3.25, "
        "250, binarized_mnist",
        "grey, mnist, 7, 1, 103.25, , 103.88, , , , , , 250, ",  # one seed: no deviation
        "same, binarized_mnist, 7, 3, 104.25 ± 0.12, 100, 104.88, -99.12 ± 0.06, 0.512, -99, 9, 3.25, 250, "
        "binarized_mnist",
    ]


def test_rows_on_codes(chapter):
    ours = [", ".join(row) for row in chapter.tables[1].rows]
    assert ours[:2] == [
        "l100, 123, 2, 1, no, 80.50, 22.38, 0.0156, 0.0625, 1.50, 5.75, 0.25",
        "grey, 123, 2, 1, no, 80.50, 23.38, 0.0156, , , , ",
    ]


def test_a_run_that_went_wrong_has_words(read):
    edit(artifacts.scores_file("same", "likelihood"), log_p=artifacts.metric(math.nan))
    chapter = read()
    assert chapter.metrics["same"]["log_p"] == "not finite"
    assert "not finite" in chapter.tables[0].rows[2]


def test_copies_of_data_are_told_of(params, read):
    params.data.sha256["binarized_mnist"] = "0" * 64
    copied = [data.endswith(" (copy)") for data in read().tables[0].data["data"]]
    assert copied == [name in params.copied_runs for name in params.vae] == [False, False, True, True]


def test_pairs_of_posteriors_have_a_table_each(chapter):
    assert [table.name for table in chapter.tables] == ["vae", "codes", "posterior_same_planar"]


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ((5.75, 5.75, 5.75), "on every run"),
        ((-0.4, 5.75, 0.1), "on every run"),  # within two standard errors of 0.25
        ((-0.6, 5.75, -9.0), "not on l100, same_planar"),
        ((5.75, "not finite", 5.75), "not on same"),
    ],
)
def test_where_the_bound_holds(read, gaps, expected):
    for run, gap in zip(("l100", "same", "same_planar"), gaps, strict=True):
        edit(artifacts.scores_file(run, "likelihood"), gap=gap)
    chapter = read()
    assert chapter.facts["vae"].metrics == {"bound": expected}


def test_where_no_bound_is_known_that_it_holds_is_not_scored():
    assert vae.bound_holds({}) == NOT_SCORED


# ---- claims and metrics ----------------------------------------------------------------------------------


def test_what_claims_may_ask_for(chapter):
    facts = chapter.facts
    assert list(facts) == ["vae", "l100", "grey", "same", "same_planar"]
    assert facts["l100"].settings == {"data": "digits (binarized)", "epochs": 7, "importance_samples": 9}
    assert facts["same"].metrics["log_p"] == -99.125
    assert facts["same"].metrics["valid_negative_elbo"] == 104.25
    # over seeds 1 to 3, which are half a nat apart
    assert facts["l100"].metrics["best_valid_negative_elbo"] == pytest.approx(102.25)
    assert facts["l100"].metrics["best_valid_negative_elbo_deviation"] == pytest.approx(0.5)
    assert facts["l100"].metrics["generalisation"] == "close"
    assert facts["l100"].metrics["largest_step"] == 1.5
    assert {facts["grey"].metrics[key] for key in ("log_p", "elbo", "largest_step")} == {"not scored"}
    curve = facts["l100"].metrics["valid_negative_elbo_curve"]
    assert curve == pytest.approx([130.0, 110.0, 105.5, 104.0, 103.0, 102.5, 102.25])


def test_the_best_epoch_is_each_seed_s_own():
    scores = {1: [9.0, 5.0, 7.0], 2: [8.0, 6.0, 3.0]}
    history = pd.concat(
        pd.DataFrame({"seed": seed, "epoch": [1, 2, 3], "valid_negative_elbo": column})
        for seed, column in scores.items()
    )
    expected = {"best_valid_negative_elbo": 4.0, "best_valid_negative_elbo_deviation": pytest.approx(2**0.5)}
    assert vae.best(history) == {**expected, "seeds": 2}
    diverged = pd.DataFrame({"valid_negative_elbo": [5.0, "not finite"]})
    assert vae.best(diverged) == {"best_valid_negative_elbo": 5.0}
    assert vae.best(diverged[1:]) == {"best_valid_negative_elbo": "not finite"}


def test_metrics_are_those_of_the_runs_of_params(chapter):
    assert list(chapter.metrics) == ["l100", "grey", "same", "same_planar"]
    assert chapter.metrics["grey"] == {
        "train_negative_elbo": 102.0,
        "valid_negative_elbo": 103.25,
        "valid_kl": 22.0,
        "test_negative_elbo": 103.875,
        "active_units": 1,
        "collapsed": "no",
    }
    assert list(chapter.metrics["l100"]) == list(vae.FOLLOWED)
