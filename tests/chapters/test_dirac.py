import pandas as pd
import pytest

from chapters.made_up import write
from regen import artifacts
from regen.chapters import dirac
from regen.report.claims import Claim, Claims

PLAIN = {
    "name": "jsd-1",
    "metric": "jsd",
    "penalty": "none",
    "verdict": "cycles",
    "rate_per_1000": -0.004104,
    "final_distance": 0.74673,
    "worst_distance": 0.98,
    "spectral_radius": 1.0,
}
AVERAGED = {
    "name": "w1-9",
    "metric": "w1",
    "penalty": "gp",
    "coefficient": 0.01,
    "ema": 0.998,
    "verdict": "diverges",
    "rate_per_1000": 1234.5,
    "final_distance": "not finite",
    "worst_distance": "not finite",
    "spectral_radius": "unbounded",
    "verdict_ema": "converges slowly",
    "rate_per_1000_ema": -0.005217,
    "final_distance_ema": 0.0254781,
    "agreement_ema": 0.75,
}
VERDICTS = pd.DataFrame([PLAIN, AVERAGED]).assign(agreement=1.0, start_distance=1.0, theory="= 1: neutral")
FILES = {artifacts.verdicts_file(): VERDICTS}


@pytest.fixture
def chapter(params):
    write(FILES)
    return dirac.chapter(params, Claims((Claim("f", "src", "verdict", "diverges", "jsd-1"),)))


def test_verdicts_beside_the_reports_wording(chapter):
    (table,) = chapter.tables
    assert table.data["report"].fillna("").tolist() == ["diverges", ""]
    assert set(table.data) == {*VERDICTS, "report"}


def test_claims_may_ask_for_what_the_report_looked_at(chapter, params):
    assert chapter.facts["jsd-1"].metrics["verdict"] == "cycles"
    assert chapter.facts["w1-9"].metrics["verdict"] == "converges slowly"
    assert chapter.facts["w1-9"].settings == params.dirac.model_dump(exclude={"seeds"})


def test_games_for_readers(chapter):
    plain, averaged = chapter.tables[0].rows
    assert plain[:7] == ["jsd-1", "JSD", "diverges", "cycles", "1", "-0.0041", "0.747"]
    assert plain[8:11] == ["", "", ""]  # no average, nothing to say of it
    assert averaged[:7] == ["w1-9", "W1 + 0.01 GP, EMA 0.998", "", "diverges", "1", "1234", "not finite"]
    assert averaged[8:12] == ["converges slowly", "-0.00522", "0.0255", "unbounded"]


def test_metrics_of_games_are_those_of_the_average_where_there_is_one(chapter):
    names = ("verdict", "agreement", "rate_per_1000", "final_distance")
    assert chapter.metrics["dirac"] == {
        "jsd-1": dict(zip(names, ["cycles", 1.0, -0.004104, 0.74673], strict=True)),
        "w1-9": dict(zip(names, ["converges slowly", 0.75, -0.005217, 0.0254781], strict=True)),
    }
