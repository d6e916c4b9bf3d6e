"""The GANs' chapter, on made-up records."""

from dataclasses import replace

import pandas as pd
import pytest

from chapters import made_up
from chapters.made_up import GAN, GANS, ON_THE_WAY, edit, gan_history, write
from regen import artifacts
from regen.chapters import gan, scores, trends
from regen.chapters.scores import Scores, read_scores
from regen.params.gan import ResidualRun
from regen.report.chapter import all_facts
from regen.report.claims import Claim, Claims
from regen.report.judge import judge
from regen.report.ledger import table

INCEPTION = "inception-torchvision"
REPORT = {"data": "cifar10", "steps": 100_000, "extractor": INCEPTION}


def claim(name, run, metric, expected, **more):
    return Claim(name, "src", metric, expected, run, **more)


@pytest.fixture(autouse=True)
def _few_scores(monkeypatch):
    """The GANs that are made up have four scores on the way, and one is of W1."""
    monkeypatch.setattr(trends, "SEVERAL", 1)
    monkeypatch.setattr(trends, "ENOUGH", 4)


def test_too_few_scores_tell_no_trend_and_the_ledger_says_so(recorded, monkeypatch):
    monkeypatch.setattr(trends, "ENOUGH", 5)
    facts = gan.chapter(recorded, CLAIMS, read_scores(recorded)).facts
    (judged,) = judge(Claims((claim("a", "jsd_1", "trends", "metric rises, distance falls"),)), facts)
    assert (judged.verdict, judged.why.split(". ")[1]) == ("not scored", "Fewer than 5 scores on the way.")


CLAIMS = Claims(
    (
        claim("a", "jsd_1", "inception_score", 3.483, tolerance=0.5, given=REPORT),
        claim("b", "jsd_1", "distance", 124.472, tolerance=30, given=REPORT),
        claim("c", "w1_2", "distance", 20.5, tolerance=1, given={"data": "digits_color"}),
        Claim("d", "src", "distance", runs=["w1_2", "jsd_3", "jsd_1"]),
        Claim("e", "src", "distance", runs=["w1_2", "jsd_1", "l100"]),
        Claim("f", "src", "distance", runs=["w1_2", "mlp"]),
        Claim("g", "src", "distance", runs=["l100", "w1_2"], given={"extractor": INCEPTION}),
        claim("h", "gan", "tells_more", "W1", given={"data": "digits_color", "steps": 60}),
        claim("i", "jsd_1", "trends", "metric rises, distance falls", given={"steps": 60}),
        claim("j", "w1_2", "metric_trend", "falls or settles"),
        claim("k", "mlp", "distance_trend", "falls"),
        claim("l", "mlp", "losses", "close", given={"epochs": 6}),
        claim("m", "mlp", "parameters", 1256698),
    )
)


@pytest.fixture
def read(recorded):
    return lambda: gan.chapter(recorded, CLAIMS, read_scores(recorded))


@pytest.fixture
def chapter(read):
    return read()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "plain"),
        ({"spectral_norm": True}, "spectral norm"),
        ({"penalty": "r1", "penalty_coefficient": 1.0}, "R1 1"),
        ({"penalty": "gp", "penalty_coefficient": 0.25, "spectral_norm": True}, "spectral norm, GP 0.25"),
    ],
)
def test_what_keeps_the_critic_in_bounds(changes, words):
    assert gan.constraint(ResidualRun(**GAN | changes)) == words


def test_a_row_a_run_with_its_scores_beside_the_reports(chapter):
    assert chapter.tables[0].data["run"].tolist() == list(GANS)
    first = chapter.tables[0].rows[0]
    assert first == [
        *("jsd_1", "JSD", "plain", "digits_color", "60", "2.00 ± 0.12", "3.48", "50.00", "124.47"),
        *("0.0500 ± 0.0010", "0.5", "0.25", "classifier, 1000 samples, 10 splits", "900000", "1256698"),
    ]


def test_a_run_without_a_score_of_its_end_has_its_last_on_the_way(chapter):
    assert chapter.tables[0].data.loc[1, ["distance", "parameters"]].tolist() == [40.0, 1_256_698]


def test_a_run_without_scores_says_so(chapter):
    assert chapter.tables[0].rows[3][5:13] == ["", "", "", "", "", "", "", "not scored"]


def test_of_several_seeds_the_deviation_is_shown(read, chapter):
    assert not [name for name in chapter.tables[0].data if name == "distance_deviation"]
    edit(artifacts.scores_file("w1_2", "fidelity"), frechet_distance_deviation=1.5, precision_deviation=0.125)
    edit(artifacts.scores_file("w1_2", "training"), train_metric_deviation=0.5)
    several = read()
    one, _, of_seeds, _ = several.tables[0].rows
    assert (one[7], of_seeds[7]) == ("50.00", "20.00 ± 1.50")
    assert of_seeds[10] == "0.50 ± 0.12"
    assert several.tables[0].data["distance_deviation"].dropna().tolist() == [1.5]


# ---- claims and metrics ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("valid", "word"),
    [
        ([1.0, 3.0], "close"),
        ([1.5, 2.625], "close"),  # 0.0625 of 2 on average, though not in an epoch
        ([1.25, 3.25], "apart"),
        ([0.75, 2.75], "apart"),
        ([float("nan"), 3.0], "apart"),
        (None, "not validated"),
    ],
)
def test_whether_train_and_valid_losses_stay_close(valid, word):
    assert gan.players(gan_history(valid)) == word


def test_both_players_have_to_stay_close():
    table = gan_history([1.0, 3.0])
    table["valid_generator_loss"] = [2.0, 3.0]
    assert gan.players(table) == "apart"


def test_losses_of_several_seeds_are_close_on_average(read):
    """One seed is 0.5 above, the other as far below."""
    seeds = [gan_history([1.0 + off, 3.0 + off]).assign(seed=off) for off in (-0.5, 0.5)]
    write({artifacts.gan_history_file("mlp"): pd.concat(seeds)})
    assert gan.players(seeds[0]) == gan.players(seeds[1]) == "apart"
    assert read().facts["mlp"].metrics["losses"] == "close"


def test_verdicts(params, chapter, scored):
    facts = all_facts([chapter, scores.chapter(params, scored)])
    judged = table(judge(CLAIMS, facts)).set_index("claim")
    words = {
        "a": "other data",
        "b": "other data",
        "f": "not scored",
        "g": "other extractor",
        "h": "undecided",
        "k": "not scored",
    }
    assert judged["verdict"].to_dict() == {claim.id: "agrees" for claim in CLAIMS.claims} | words
    assert judged.loc["d", "ours"] == "w1_2 (20.00), jsd_3 (40.00), jsd_1 (50.00)"
    assert judged.loc["f", "ours"] == "not scored"


def test_scores_of_the_report_s_extractor_stand_beside_its_own_and_are_judged(recorded, scored):
    """Whatever extractor scored on the way: W1's run is judged by the classifier still."""
    found = replace(scored, beside={"jsd_1": {INCEPTION: made_up.scores(125.0, INCEPTION)}})
    chapter = gan.chapter(recorded, CLAIMS, found)
    rows = chapter.tables[0].data.set_index("run")
    assert rows.loc["jsd_1", ["distance", "extractor"]].tolist() == [125.0, INCEPTION]
    assert rows.loc["w1_2", ["distance", "extractor"]].tolist() == [20.0, "classifier"]
    facts = all_facts([chapter, scores.chapter(recorded, found)])
    given = {"extractor": INCEPTION}
    claims = claim("a", "jsd_1", "distance", 124.0, tolerance=1.5, given=given), CLAIMS.claims[3]
    judged = table(judge(Claims(claims), facts))
    assert judged["verdict"].tolist() == ["agrees"] * 2
    assert judged["ours"].tolist() == [125.0, "w1_2 (20.00), jsd_3 (40.00), jsd_1 (50.00)"]


def test_a_run_that_no_report_has_has_no_say_in_which_metric_tells_more(recorded, read):
    claims = Claims(tuple(each for each in CLAIMS.claims if each.run != "w1_2"))
    without = gan.chapter(recorded, claims, read_scores(recorded))
    assert read().facts["gan"].metrics["tells_more"] == "undecided"  # of one seed each
    assert without.facts["gan"].metrics["tells_more"] == "not scored"


def test_metrics_are_those_of_training(chapter):
    assert chapter.metrics["mlp"] == {
        "generator_parameters": 900_000,
        "train_metric": 0.25,
        "train_critic_loss": -0.25,
        "train_generator_loss": 0.5,
    }


def test_without_scores(recorded):
    _, trends = gan.chapter(recorded, CLAIMS, Scores({}, dict.fromkeys(GANS, ON_THE_WAY["mlp"]))).tables
    assert trends.rows == []
    assert trends.empty == "No run is scored on its way."


def test_the_table_tells_of_copies_of_the_data(params, read):
    params.data.sha256.update(digits_color="0" * 64, mnist="0" * 64)
    assert set(read().tables[0].data["data"]) == {"digits", "digits_color (copy)"}
