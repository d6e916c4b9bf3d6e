"""The GANs' and the scores' part of the report, on made-up records."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pandas as pd
import pytest
from pydantic import TypeAdapter

from regen import artifacts
from regen.chapters.gan import (
    constraint,
    gan_facts,
    gan_markdown,
    gan_metrics,
    gan_section,
    gan_table,
    players,
)
from regen.chapters.scores import (
    score_metrics,
    scores_markdown,
    scores_of,
    scores_section,
    scores_table,
    with_scores,
)
from regen.chapters.trends import course, rank_correlation, strengths, tells_more, trends_table
from regen.params import Data, Params
from regen.params.gan import GanRun, ResidualRun
from regen.report.claims import Claim, Claims, Facts, judge

RUN = {
    "data": "digits_color",
    "networks": "residual",
    "latent": 5,
    "width": 3,
    "loss": "jsd",
    "critic_steps": 2,
    "batch_size": 4,
    "betas": [0.0, 0.99],
    "generator_learning_rate": 2e-3,
    "critic_learning_rate": 4e-3,
    "steps": 60,
    "shown": [0, 60],
    "evaluate_every": 20,
    "statistics_batches": 3,
}
MLP = {key: value for key, value in RUN.items() if key not in ("width", "steps")}
MLP |= {"networks": "mlp", "generator": [6], "critic": [8], "loss": "nonsaturating", "epochs": 6}
MLP |= {"data": "digits", "evaluate_every": 0, "shown": [0, 6]}
RUNS = {
    "jsd_1": RUN,
    "jsd_3": RUN | {"penalty": "r1", "penalty_coefficient": 0.5},
    "w1_2": RUN | {"loss": "w1", "spectral_norm": True},
    "mlp": MLP,
}
INCEPTION = "inception-torchvision"
REPORT = {"data": "cifar10", "steps": 100_000, "extractor": INCEPTION}


@dataclass
class MadeUp:
    """The records that these parts of the report read."""

    gan: dict = field(default_factory=dict)
    fidelity: dict = field(default_factory=dict)
    histories: dict = field(default_factory=dict)
    evaluations: dict = field(default_factory=dict)


def scores(distance, extractor="classifier", deficient="no"):
    inception = extractor != "classifier"
    return {
        "extractor": extractor,
        "reference": "digits_color, test",
        "samples": 1000,
        "splits": 10,
        "rank_deficient": deficient,
        "inception_score": 100.0 / distance,
        "inception_score_std": 0.125,
        "fid" if inception else "frechet_distance": distance,
        "kid" if inception else "kernel_distance": distance / 1000,
        f"{'kid' if inception else 'kernel_distance'}_std": 0.001,
        "precision": 0.5,
        "recall": 0.25,
    }


def evaluations(metric, distance):
    rows = [{"step": 20 * i, "metric": m} for i, m in enumerate(metric, 1)]
    return pd.DataFrame([{**row, **scores(d)} for row, d in zip(rows, distance, strict=True)])


def history(valid=None):
    table = pd.DataFrame({"step": [10, 20], "epoch": [1.0, 2.0]})
    for player in ("critic", "generator"):
        table[f"train_{player}_loss"] = [1.0, 3.0]
        if valid:
            table[f"valid_{player}_loss"] = valid
    return table


@pytest.fixture
def params():
    return Params.model_construct(
        vae={"vae": None},
        realnvp={"flow": None},
        gan={name: TypeAdapter(GanRun).validate_python(run) for name, run in RUNS.items()},
        data=Data(sets=["digits_color"], mirror=None),
        score=SimpleNamespace(runs=dict.fromkeys(("vae", *RUNS), "digits_color")),
    )


@pytest.fixture
def records():
    training = {"steps": 60, "epochs": 6.0, "parameters": 1_256_698, "generator_parameters": 900_000}
    training |= {"critic_parameters": 356_698, "train_metric": 0.25}
    training |= {"train_critic_loss": -0.25, "train_penalty": 0.0, "train_generator_loss": 0.5}
    none = pd.DataFrame({"step": [], "metric": []})
    return MadeUp(
        gan={name: {"training": training} for name in RUNS},
        fidelity={"vae": scores(80.0), "jsd_1": scores(50.0, deficient="yes"), "w1_2": scores(20.0)},
        histories={name: history([1.1, 3.0] if name == "mlp" else None) for name in RUNS},
        evaluations={
            "jsd_1": evaluations([0.1, 0.3, 0.2, 0.4], [90.0, 70.0, 60.0, 50.0]),
            "jsd_3": evaluations([0.4, 0.1, 0.3, 0.2], [90.0, 70.0, 60.0, 40.0]),
            "w1_2": evaluations([9.0, 5.0, 4.0, 2.0], [90.0, 70.0, 30.0, 20.0]),
            "mlp": none,
        },
    )


def claim(name, run, metric, expected, **more):
    return Claim(name, "src", metric, expected, run, **more)


@pytest.fixture
def claims():
    return Claims(
        (
            claim("a", "jsd_1", "inception_score", 3.483, tolerance=0.5, given=REPORT),
            claim("b", "jsd_1", "distance", 124.472, tolerance=30, given=REPORT),
            claim("c", "w1_2", "distance", 20.5, tolerance=1, given={"data": "digits_color"}),
            Claim("d", "src", "distance", runs=["w1_2", "jsd_3", "jsd_1"]),
            Claim("e", "src", "distance", runs=["w1_2", "jsd_1", "vae"]),
            Claim("f", "src", "distance", runs=["w1_2", "mlp"]),
            Claim("g", "src", "distance", runs=["vae", "w1_2"], given={"extractor": INCEPTION}),
            claim("h", "gan", "tells_more", "W1", given={"data": "digits_color", "steps": 60}),
            claim("i", "jsd_1", "trends", "metric rises, distance falls", given={"steps": 60}),
            claim("j", "w1_2", "metric_trend", "falls or settles"),
            claim("k", "mlp", "distance_trend", "falls"),
            claim("l", "mlp", "losses", "close", given={"epochs": 6}),
            claim("m", "mlp", "parameters", 1256698),
        )
    )


@pytest.fixture
def table(params, records, claims):
    return gan_table(params, records, claims)


@pytest.fixture
def trends(params, records):
    return trends_table(params, records)


@pytest.fixture
def facts(params, records, trends):
    others = {"vae": Facts({"data": "digits"}, {"elbo": -1.0}), "flow": Facts({}, {})}
    return with_scores(others | gan_facts(params, records, trends), params, records)


@pytest.fixture
def section(params, records, table, trends):
    return gan_section(params, records, table, trends)


# ---- the table -------------------------------------------------------------------------------------------


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
    assert constraint(ResidualRun(**RUN | changes)) == words


def test_a_row_a_run_with_its_scores_beside_the_reports(table, rows):
    assert table["run"].tolist() == list(RUNS)
    first = rows(gan_markdown(table))[0]
    assert first == [
        *("jsd_1", "JSD", "plain", "digits_color", "60", "2.00 ± 0.12", "3.48", "50.00", "124.47"),
        *("0.0500 ± 0.0010", "0.5", "0.25", "classifier, 1000 samples, 10 splits", "900000", "1256698"),
    ]


def test_a_run_without_a_score_of_its_end_has_its_last_on_the_way(table, records):
    assert table.loc[1, ["distance", "parameters"]].tolist() == [40.0, 1_256_698]
    assert scores_of("mlp", records) is None
    assert scores_of("flow", records) is None


def test_a_run_without_scores_says_so(table, rows):
    row = rows(gan_markdown(table))[3]
    assert row[5:13] == ["", "", "", "", "", "", "", "not scored"]


def test_a_classifiers_distance_is_never_called_an_fid(table, params, records):
    heading = gan_markdown(table).splitlines()[0]
    assert "| Frechet distance" in heading
    assert "| kernel distance" in heading
    assert heading.replace("(report's FID)", "").count("FID") == heading.count("KID") == 0
    assert "FID" not in scores_markdown(scores_table(params, records))


def test_an_inceptions_distance_is_an_fid(params, records, claims):
    records.fidelity = {name: scores(30.0, INCEPTION) for name in RUNS}
    heading = gan_markdown(gan_table(params, records, claims)).splitlines()[0]
    assert "| FID" in heading
    assert "| KID" in heading
    assert "| FID" in scores_markdown(scores_table(params, records))


def test_names_where_two_extractors_were_at_work(params, records, claims):
    records.fidelity = {"jsd_1": scores(30.0, INCEPTION), "w1_2": scores(30.0)}
    assert "| Frechet distance" in gan_markdown(gan_table(params, records, claims))


# ---- what the metric tells -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0),
        ([1, 2, 3, 4], [9, 8, 7, -1e9], -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 1 - 6 * 2 / (4 * 15)),  # 1 - 6 sum d^2 / (n (n^2 - 1))
        ([1, 2, 3, 4, 5], [5, 1, 4, 2, 3], 1 - 6 * (16 + 1 + 1 + 4 + 4) / (5 * 24)),
        ([1, 2, "not finite", 3], [1, 2, 5, 3], 1.0),
        ([1, 1, 2], [1, 1, 3], 1.0),
        ([1, 2], [1, 2], None),
        ([1, 1, 1, 1], [1, 2, 3, 4], None),
    ],
)
def test_rank_correlations_by_hand(one, other, expected):
    found = rank_correlation(pd.Series(one, dtype=object), pd.Series(other))
    assert found == (None if expected is None else pytest.approx(expected))


def test_metric_distance_and_step_go_together(trends):
    assert trends["run"].tolist() == ["jsd_1", "jsd_3", "w1_2"]
    assert trends["metric_and_step"].tolist() == pytest.approx([0.8, -0.4, -1.0])
    assert trends["distance_and_step"].tolist() == pytest.approx([-1.0, -1.0, -1.0])
    assert trends["metric_and_distance"].tolist() == pytest.approx([-0.8, 0.4, 1.0])


def test_the_metric_that_tells_more_has_the_larger_correlation_whatever_its_sign(trends):
    assert strengths(trends) == pytest.approx({"JSD": 0.6, "W1": 1.0})
    assert tells_more(trends) == "W1"
    assert tells_more(trends.assign(loss=["W1", "JSD", "JSD"])) == "W1"  # 0.8 to 0.7
    assert tells_more(trends.assign(loss=["W1", "W1", "JSD"])) == "JSD"
    assert tells_more(trends[trends["loss"] == "JSD"]) == "not scored"
    assert tells_more(trends.iloc[:0]) == "not scored"


@pytest.mark.parametrize(
    ("correlation", "word"),
    [(0.9, "rises"), (0.3, "settles"), (0.0, "settles"), (-0.3, "settles"), (-0.31, "falls")],
)
def test_what_a_curve_does(correlation, word):
    assert course(correlation) == word


def test_no_course_without_a_correlation():
    assert course(None) == course(float("nan")) == "not scored"


@pytest.mark.parametrize(
    ("valid", "word"),
    [
        ([1.0, 3.0], "close"),
        ([1.125, 2.875], "close"),  # 0.125 of 2 on average
        ([1.2, 2.7], "apart"),
        ([float("nan"), 3.0], "apart"),
        (None, "not validated"),
    ],
)
def test_whether_train_and_valid_losses_stay_close(valid, word):
    assert players(history(valid)) == word


def test_both_players_have_to_stay_close():
    table = history([1.0, 3.0])
    table["valid_generator_loss"] = [2.0, 3.0]
    assert players(table) == "apart"


# ---- claims and metrics ----------------------------------------------------------------------------------


def test_verdicts(claims, facts):
    judged = judge(claims, facts).set_index("claim")
    assert judged["verdict"].to_dict() == {
        "a": "other data",
        "b": "other data",
        "c": "agrees",
        "d": "agrees",
        "e": "agrees",
        "f": "not scored",
        "g": "other extractor",
        "h": "agrees",
        "i": "agrees",
        "j": "agrees",
        "k": "not scored",
        "l": "agrees",
        "m": "agrees",
    }
    assert judged.loc["d", "ours"] == "w1_2 (20.00), jsd_3 (40.00), jsd_1 (50.00)"
    assert judged.loc["f", "ours"] == "not scored"


def test_another_order_differs(facts):
    swapped = Claims((Claim("d", "src", "distance", runs=["jsd_3", "w1_2", "jsd_1"]),))
    assert judge(swapped, facts)["verdict"].tolist() == ["differs"]


def test_scores_are_added_to_what_is_known_of_a_run(facts):
    assert facts["vae"].settings == {
        "data": "digits",
        "extractor": "classifier",
        "samples": 1000,
        "splits": 10,
        "reference": "digits_color, test",
    }
    assert facts["vae"].metrics["elbo"] == -1.0
    assert facts["vae"].metrics["distance"] == 80.0
    assert facts["flow"].metrics["distance"] == "not scored"
    assert facts["vae"].metrics["misread"] == "not scored"  # its scores are against other data


def test_metrics_that_change_with_the_machine_are_not_followed(params, records):
    content = gan_metrics(params, records)
    assert content["mlp"] == {
        "generator_parameters": 900_000,
        "train_metric": 0.25,
        "train_critic_loss": -0.25,
        "train_generator_loss": 0.5,
    }
    assert score_metrics(records)["vae"] == {
        "inception_score": 1.25,
        "frechet_distance": 80.0,
        "kernel_distance": 0.08,
        "precision": 0.5,
        "recall": 0.25,
    }


# ---- the page --------------------------------------------------------------------------------------------


def test_scores_of_all_families(params, records, rows):
    assert rows(scores_section(scores_table(params, records))) == [
        [
            *(run, family, "digits_color, test", f"{inception} ± 0.12", f"{distance:.2f}"),
            *(f"{distance / 1000:.4f} ± 0.0010", "0.5", "0.25", "classifier", "1000", "10", deficient),
        ]
        for run, family, inception, distance, deficient in (
            ("vae", "VAE", "1.25", 80, "no"),
            ("jsd_1", "GAN", "2.00", 50, "yes"),
            ("w1_2", "GAN", "5.00", 20, "no"),
        )
    ]


def test_a_report_without_scores(params, records, claims):
    records.fidelity = {}
    records.evaluations = dict.fromkeys(RUNS, records.evaluations["mlp"])
    assert "No run is scored." in scores_section(scores_table(params, records))
    trends = trends_table(params, records)
    text = gan_section(params, records, gan_table(params, records, claims), trends)
    assert "overview.png" not in text
    assert "the question stays open" in text


def test_the_section_answers_which_metric_tells_more(section):
    assert "0.60 under JSD and 1.00 under W1: here W1 tells more" in " ".join(section.split())


def test_every_figure_is_shown_once(section):
    assert section.count("figures/gan/overview.png") == 1
    for name in RUNS:
        for figure in ("final.png", "samples.png", "samples.gif", "interpolation.gif", "losses.png"):
            assert section.count(f"figures/{name}/{figure}") == 1
    assert "figures/jsd_1/progress.png" in section
    assert "figures/mlp/progress.png" not in section  # never scored on its way
    assert section.count("<details>") == section.count("</details>") == len(RUNS)


def test_what_is_not_to_be_compared_with_the_report_is_told(section):
    assert "**Not the report's data:** `jsd_1`: digits_color (the report: cifar10). Don't" in section
    assert f"**Not the report's extractor:** `jsd_1`: classifier (the report: {INCEPTION}). Don't" in section
    assert "**Too few images for a covariance of full rank:** jsd_1." in section
    assert "official files" not in section


def test_tables_tell_of_copies_of_the_data(params, records, claims):
    params.data.sha256.update(digits_color="0" * 64, mnist="0" * 64)
    table = gan_table(params, records, claims)
    assert set(table["data"]) == {"digits", "digits_color (copy)"}
    assert set(scores_table(params, records)["reference"]) == {"digits_color, test (copy)"}


def test_the_tables_are_written_as_csv(tmp_path, table, trends, params, records):
    for i, content in enumerate((table, trends, scores_table(params, records))):
        artifacts.write_csv(tmp_path / f"{i}.csv", content)
        assert artifacts.read_csv(tmp_path / f"{i}.csv")["run"].tolist() == content["run"].tolist()
