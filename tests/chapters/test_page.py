import re

import pytest

from regen.chapters import dirac, flow, posteriors, theory, vae
from regen.report.claims import Claims, judge
from regen.report.page import claims_markdown, page


@pytest.fixture
def judged(params, records, claims, planar):
    facts = vae.vae_facts(params, records) | flow.flow_facts(params, records, planar)
    return judge(claims, facts | theory.theory_facts(records))


@pytest.fixture
def write(params, records):
    """Return a function that makes the whole page of some claims and verdicts."""

    def text(claims, judged):
        pairs = "".join(
            posteriors.posterior_section(
                pair, posteriors.posterior_table(*(records.seeds[run] for run in pair))
            )
            for pair in posteriors.twins(params)
        )
        vaes, codes = vae.vae_table(params, records, claims), vae.codes_table(params, records)
        planar = flow.planar_table(records.flow, claims)
        sections = [
            vae.vae_section(params, records, vaes, codes, pairs),
            flow.flow_section(params, records, planar, flow.realnvp_table(params, records, claims)),
            theory.theory_section(records),
            dirac.dirac_section(params, dirac.dirac_table(records.dirac, claims)),
        ]
        return page(params.seed, params.copies, sections, judged)

    return text


@pytest.fixture
def text(write, claims, judged):
    return write(claims, judged)


def test_claims_for_readers(judged, rows):
    assert [[row[0], *row[2:]] for row in rows(claims_markdown(judged))] == [
        ["a", "102", "102.25", "0.5", "other data"],
        ["b", "-95.59", "-97.12", "0.7", "other data"],
        ["c", "-99", "-99.12", "0.2", "agrees"],
        ["d", "100", "104.25", "4", "other epochs"],
        ["e", "103", "105.50", "2.60", "agrees"],
        ["h", "3.5000", "3.5000", "0.05", "other points"],
        ["i", "planar_arcs_8, planar_arcs_2", "planar_arcs_8 (3.12), planar_arcs_2 (3.50)", "", "agrees"],
        ["j", "same_planar, same", "same (-104.50), same_planar (-105.50)", "", "differs"],
        ["k", "two groups", "two groups: 1, one group: 1", "", "differs"],
        ["l", "50.0000", "50.0000", "0.0001", "agrees"],
        ["m", "falls", "falls", "", "other data"],
    ]


def test_the_sections_in_their_order(text):
    assert re.findall(r"^##+ (.*)$", text, re.MULTILINE) == [
        "Variational autoencoders",
        "same_planar: a planar posterior against same's Gaussian",
        *("l100", "grey", "same", "same_planar"),
        "Planar flows",
        "Single planar maps",
        "RealNVP",
        "Theory, measured",
        "The Dirac GAN",
        "What the reports claim",
    ]


def test_the_settings_are_told_of(text):
    said = " ".join(text.split())
    assert "Seed 5." in said
    assert "2 games, 3 starts of each, 50 iterations" in said
    assert "70 iterations; means over 2 seeds" in said
    assert "The points are generated here, not the report's." in said
    assert "the mean of the last 20 minibatch losses" in said
    assert "sample size of 100 samples" in said
    assert not re.search(r"[{}]", re.sub(r"L\^[\d.]+", "", text))


def test_the_reports_own_points_are_told_of(records, write, claims, judged):
    records.flow["points"] = "files"
    assert "The points are the report's files." in " ".join(write(claims, judged).split())


def test_no_cell_says_nan_or_none(text):
    assert not re.search(r"\b(nan|none|inf)\b", text, re.IGNORECASE)


def test_without_claims(write, judged):
    text = write(Claims(()), judged.iloc[:0])
    assert "What the reports claim" not in text
    assert "Not the report's data" not in text
    assert not re.search(r"\b(nan|none|inf)\b", text, re.IGNORECASE)


def test_copies_of_data_are_told_of(params, records, write, claims, judged):
    assert "official files" not in write(claims, judged)
    params.data.sha256[params.data.sets[0]] = "0" * 64
    text = write(claims, judged)
    assert f"(`data.sha256` in params.yaml): {params.data.sets[0]}. Tables" in text
    table = vae.vae_table(params, records, claims)
    copied = table["data"].str.endswith(" (copy)")
    assert [table["run"][i] in params.copied_runs for i in table.index] == copied.tolist()
    assert copied.any()
    assert not any("(copy) (the report: digits)" in line for line in text.splitlines())  # the same set


def test_every_figure_of_every_run_is_shown(text, records):
    shown = re.findall(r'!\[[^\]]+\]\(([^)]+)\)|<img src="([^"]+)" alt="[^"]+"', text)
    planar = [
        f"{a}_{b}{c}" for a in ("samples", "density") for b in ("arcs", "sine") for c in ("", "_samples")
    ]
    assert sorted(one or other for one, other in shown) == sorted(
        [
            *(f"figures/{run}/{name}.png" for run, names in records.figures.items() for name in names),
            *(f"figures/rnvp/{name}.png" for name in flow.REALNVP_FIGURES),
            *(f"figures/flow/{name}.png" for name in [*planar, "losses", "maps"]),
            *(f"figures/theory/{name}.png" for name in ("rate", "dimensions", "gradients")),
            *(f"figures/dirac/{name}.png" for name in ("overview", "jsd-1", "w1-9")),
        ]
    )
