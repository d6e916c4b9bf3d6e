import re

import pytest

from regen.report.claims import Claims
from regen.report.page import VAE_FIGURES, claims_markdown, dirac_markdown, page, vae_markdown
from regen.report.tables import claims_table, dirac_table, vae_table


@pytest.fixture
def write(records, verdicts, curves):
    """Return a function that makes the tables of some settings and claims, in the page's order."""

    def tables(params, claims):
        vae = vae_table(params, records, claims)
        return vae, claims_table(params, vae, curves, claims), dirac_table(verdicts, claims)

    return tables


@pytest.fixture
def tables(params, claims, write):
    return write(params, claims)


@pytest.fixture
def text(params, tables):
    return page(params, *tables)


def rows(markdown):
    """Return the cells of the first table of some Markdown, without its heading."""
    lines = re.findall(r"(?:^\|.*\n?)+", markdown, re.MULTILINE)[0].splitlines()
    assert len({line.count("|") for line in lines}) == 1
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_vae_rows_for_readers(tables):
    ours = [", ".join(row) for row in rows(vae_markdown(tables[0]))]
    assert ours == [
        "l100, digits (binarized), 7, 102.25, 102, -97.12, 0.512, -95.59, 9, 3.25, 250, binarized_mnist",
        "grey, mnist, 7, 103.25, , -98.12, 0.512, , 9, 3.25, 250, ",
        "same, binarized_mnist, 7, 104.25, 100, -99.12, 0.512, -99, 9, 3.25, 250, binarized_mnist",
    ]


def test_dirac_rows_for_readers(tables):
    plain, averaged = rows(dirac_markdown(tables[2]))
    assert plain[:7] == ["jsd-1", "JSD", "diverges", "cycles", "1", "-0.0041", "0.747"]
    assert plain[8:11] == ["", "", ""]  # no average, nothing to say of it
    assert averaged[:7] == ["w1-9", "W1 + 0.01 GP, EMA 0.998", "", "diverges", "1", "1234", "not finite"]
    assert averaged[8:12] == ["converges slowly", "-0.00522", "0.0255", "unbounded"]


def test_figures_made_on_other_data_are_told_of(text):
    (note,) = re.findall(r"\*\*Not the report's data:\*\* (.*)", text)
    assert note.startswith("`l100` on digits (binarized) (the report: binarized_mnist). Don't compare")
    assert "same" not in note  # made on the report's data
    assert "grey" not in note  # not in any report


def test_no_note_where_all_is_made_on_the_reports_data(params, claims, write):
    alone = params.model_copy(update={"vae": {"same": params.vae["same"]}})
    assert "Not the report's data" not in page(alone, *write(alone, claims))


def test_claims_for_readers(tables):
    assert [", ".join(row) for row in rows(claims_markdown(tables[1]))][::3] == [
        "a, -ELBO, 102, 102.25, 0.5, other data",
        "d, -ELBO, 100, 104.25, 4, other epochs",
    ]


def test_runs_that_no_report_has(params, write):
    alone = params.model_copy(update={"vae": {"grey": params.vae["grey"]}})
    text = page(alone, *write(alone, Claims(())))
    assert rows(text)[0][:2] == ["grey", "mnist"]
    assert "Not the report's data" not in text


def test_the_settings_are_told_of(text):
    assert "Seed 5." in text
    assert "2 games, 3 starts of each, 50 iterations" in " ".join(text.split())
    assert "{" not in text


def test_no_cell_says_nan_or_none(text):
    assert not re.search(r"\b(nan|none|inf)\b", text, re.IGNORECASE)


def test_every_figure_of_every_run_is_shown(text):
    shown = re.findall(r'!\[[^\]]+\]\(([^)]+)\)|<img src="([^"]+)" alt="[^"]+"', text)
    assert sorted(one or other for one, other in shown) == sorted(
        [
            *(f"figures/{run}/{name}.png" for run in ("l100", "grey", "same") for name in VAE_FIGURES),
            "figures/dirac/overview.png",
            "figures/dirac/jsd-1.png",
            "figures/dirac/w1-9.png",
        ]
    )
