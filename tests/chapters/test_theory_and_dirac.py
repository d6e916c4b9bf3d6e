from regen.chapters.dirac import dirac_markdown, dirac_metrics, dirac_table
from regen.chapters.theory import (
    dimension_markdown,
    kl_markdown,
    theory_facts,
    theory_metrics,
    theory_section,
)


def test_divergences_for_readers(records, rows):
    assert rows(kl_markdown(records.theory_tables["kl"])) == [
        ["N(0, 1), N(0, 1)", "0", "0", "0", "0.1"],
        ["N(0, 1), N(10, 1)", "50", "50", "50.01", "0.1"],
    ]


def test_both_estimators_stand_in_a_row(records, rows):
    """First where x does not grow with z, then where it does; the made-up plain error is 5 more."""
    fixed = [["1", "2", "5.10", "105", "0.1", "100"], ["2", "4", "5.20", "205", "0.2", "200"]]
    assert rows(dimension_markdown(records.theory_tables["dimensions"])) == [*fixed, *fixed]


def test_the_section_has_the_measured_figures(records):
    text = " ".join(theory_section(records).split())
    assert "the relative error falls like L^1.25" in text
    assert "multiply by 2.25 with each dimension of z" in text
    assert "a little off, by 4.25." in text
    assert "on binary images: not finite; as it is meant: -543.25 nats" in text
    assert "gradient's is 3.5, the largest 77." in text
    assert "at the least -1.38629 nats" in text
    assert "where the means are 0.000 apart, and at least -1.25000 on the rest" in text
    assert "the non-saturating loss is 99 times as steep" in text


def test_what_claims_and_metrics_have_of_it(records):
    assert theory_facts(records)["theory"].metrics["kl_fifty"] == 50.0
    assert theory_metrics(records) == {
        "monte_carlo_slope": 1.25,
        "importance_slope": 3.25,
        "monte_carlo_growth": 2.25,
        "importance_growth": 4.25,
    }


def test_verdicts_beside_the_reports_wording(verdicts, claims):
    table = dirac_table(verdicts, claims)
    assert table["report"].fillna("").tolist() == ["diverges", ""]
    assert table.drop(columns="report").equals(verdicts)
    assert "report" not in verdicts


def test_games_for_readers(verdicts, claims, rows):
    plain, averaged = rows(dirac_markdown(dirac_table(verdicts, claims)))
    assert plain[:7] == ["jsd-1", "JSD", "diverges", "cycles", "1", "-0.0041", "0.747"]
    assert plain[8:11] == ["", "", ""]  # no average, nothing to say of it
    assert averaged[:7] == ["w1-9", "W1 + 0.01 GP, EMA 0.998", "", "diverges", "1", "1234", "not finite"]
    assert averaged[8:12] == ["converges slowly", "-0.00522", "0.0255", "unbounded"]


def test_metrics_of_games_are_those_of_the_average_where_there_is_one(verdicts):
    verdicts["final_distance_ema"] = verdicts["final_distance_ema"].astype(object)
    verdicts.loc[1, "final_distance_ema"] = "not finite"
    assert dirac_metrics(verdicts) == {
        "jsd-1": {
            "verdict": "cycles",
            "agreement": 1.0,
            "rate_per_1000": -0.004104,
            "final_distance": 0.746730178,
        },
        "w1-9": {
            "verdict": "converges slowly",
            "agreement": 0.75,
            "rate_per_1000": -0.005217,
            "final_distance": "not finite",
        },
    }
