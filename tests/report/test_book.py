"""The book's pages: of the results in git, of damaged ones, and of two runs side by side."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.params.yaml_files import read_yaml
from regen.report.book import TITLES, Book
from regen.report.parts import math
from regen.report.records import read_records
from regen.report.results import Results
from regen.report.rows import chosen
from regen.report.state import CHAPTERS, state

REPO = Path(__file__).parents[2]
RECORDED = REPO / "results" / "paper-cpu"


@pytest.fixture(scope="module")
def pages():
    """All pages of the results in git."""
    made = {"settings": "those of a test", "machine": "a fast one"}
    records = read_records(REPO / "results")
    book = Book(Results.of(REPO / "reports"), REPO / "reports", made, records=records)
    return {name: book.page(name) for name in TITLES}


@pytest.fixture
def copied(tmp_path):
    """A copy of the results in git, without its pictures but one."""
    folder = tmp_path / "reports"
    shutil.copytree(REPO / "reports", folder, ignore=shutil.ignore_patterns("figures", "runs", "*.html"))
    (folder / "figures" / "l100").mkdir(parents=True)
    shutil.copy(REPO / "reports" / "figures" / "l100" / "samples.png", folder / "figures" / "l100")
    shutil.copy(REPO / "params.yaml", tmp_path)
    return folder


def notes(page):
    """What a page says is missing, and why."""
    found = re.findall(r'<(?:div|span) class="missing" role="note">.*?</(?:div|span)>\n', page, re.DOTALL)
    return [" ".join(re.sub("<[^>]*>", " ", each).split()) for each in found]


# ---- of the results in git -------------------------------------------------------------------------------


def test_nothing_is_missing(pages):
    assert {name: notes(page) for name, page in pages.items() if notes(page)} == {}


def test_every_claim_has_its_place_in_the_chapter_of_its_report(pages):
    claims = Results.of(REPO / "reports").claims
    assert {claim["source"] for claim in claims.values()} == set(CHAPTERS)
    for name, claim in claims.items():
        assert f'id="claim-{name}"' in pages[claim["source"]], name


def test_every_figure_and_every_table_has_its_place(pages):
    results, text = Results.of(REPO / "reports"), "".join(pages.values())
    assert [name for name in results.figures() if f'src="figures/{name}"' not in text] == []
    assert [name for name in results.tables() if f'href="tables/{name}.csv"' not in text] == []


def test_numbers_in_prose_are_those_of_the_tables(pages):
    (row,) = chosen(Results.of(REPO / "reports").table("planar")["rows"], {"run": "planar_sine_32"})
    assert f"k = 32 on 'sine' for instance {row['cells'][2]}:" in " ".join(pages["ift6135"].split())


def test_how_it_was_made_stands_on_the_first_page_and_the_settings_on_all(pages):
    assert [name for name, page in pages.items() if "a fast one" in page] == ["index"]
    assert all("those of a test" in page for page in pages.values())


def test_the_state_counts_every_claim():
    claims = Results.of(REPO / "reports").claims
    rows = state(claims)
    assert sum(row["total"] for row in rows) == len(claims)
    for row in rows:
        assert row["agrees"] + row["differs"] + row["undecided"] + row["other"] == row["total"]


# ---- of what is absent or damaged ------------------------------------------------------------------------


def test_what_is_absent_says_so_in_its_place_and_the_rest_appears(copied):
    (copied / "tables" / "realnvp.json").write_text("{")
    for kind in ("json", "csv"):
        (copied / "tables" / f"scores.{kind}").unlink()
    (copied / "figures" / "l100" / "samples.png").write_bytes(b"not a picture")
    book = Book(Results.of(copied), copied)
    flows, vaes = book.page("uva2019"), book.page("ift6135")
    said = " ".join(notes(flows))
    assert f"Missing: realnvp {copied}/tables/realnvp.json: cannot be read" in said
    assert f"Missing: scores {copied}/tables/scores.json: cannot be read" in said
    assert "figures/uva_z20/samples.png: no picture" in said
    assert "figures/l100/samples.png: no picture" in " ".join(notes(vaes))
    assert 'href="tables/vae.csv"' in flows
    assert 'id="claim-kl-closed-form"' in flows


@pytest.mark.parametrize("content", [None, "[]", "nonsense"])
def test_without_verdicts_the_figures_and_tables_appear(copied, content):
    (copied / "claims.json").unlink()
    for kind in ("csv", "json"):
        (copied / "tables" / f"claims.{kind}").unlink()
    if content:
        (copied / "claims.json").write_text(content)
    for name, shown in (("ift6135", 'href="tables/vae.csv"'), ("index", "make reproduce")):
        page = Book(Results.of(copied), copied).page(name)
        assert "claims.json" in " ".join(notes(page))
        assert shown in page


@pytest.mark.parametrize("content", [None, "- a list", "{"])
def test_without_settings_the_rest_appears(copied, content):
    (copied.parent / "params.yaml").unlink()
    if content:
        (copied.parent / "params.yaml").write_text(content)
    page = Book(Results.of(copied), copied).page("ift6135")
    assert "params.yaml: no settings" in " ".join(notes(page))
    assert 'src="figures/l100/samples.png"' in page
    assert 'href="tables/vae.csv"' in page
    assert 'href="tables/vae.csv"' in Book(Results.of(copied), copied).page("runs")


def test_numbers_of_settings_have_their_thousands(copied):
    settings = copied.parent / "params.yaml"
    params = yaml.safe_load(settings.read_text())
    params["dirac"] |= {"iterations": 12345, "seeds": 999}
    settings.write_text(yaml.safe_dump(params))
    page = Book(Results.of(copied), copied).page("ift6135")
    assert "12,345 iterations of gradient ascent and descent from 999 random" in " ".join(page.split())


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match=rf"^{tmp_path}: no results; allowed: "):
        Results.of(tmp_path)


def test_text_of_data_and_settings_is_escaped(copied):
    file = copied / "tables" / "vae.json"
    table = json.loads(file.read_text())
    table["rows"][0]["cells"][0] = "<script>alert(1)</script>"
    file.write_text(json.dumps(table))
    claims = json.loads((copied / "claims.json").read_text())
    claims["vae-l100-loglik"]["why"] = "<b>so</b>"
    (copied / "claims.json").write_text(json.dumps(claims))
    params = copied.parent / "params.yaml"
    params.write_text(params.read_text().replace("activation: elu", "activation: <i>elu</i>"))
    page = Book(Results.of(copied), copied).page("ift6135")
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;so" in page
    assert "&lt;i&gt;elu" in page
    assert not re.search("<script>alert|<b>so|<i>elu", page)


# ---- two runs side by side -------------------------------------------------------------------------------


def test_another_run_stands_beside_ours(copied):
    table = json.loads((copied / "tables" / "vae.json").read_text())
    table["rows"][0]["cells"][4] = "12345.67"
    (copied / "tables" / "vae.json").write_text(json.dumps(table))
    ours = Results.of(REPO / "reports")
    page = Book(ours, REPO / "reports", other=Results.of(copied), label="theirs").page("ift6135")
    assert "12345.67" in page
    assert page.count('samples.png"') > Book(ours, REPO / "reports").page("ift6135").count('samples.png"')
    assert notes(page) == []  # of figures that they lack, ours stand alone


def test_a_run_that_was_recorded_earlier_stands_beside_ours():
    book = Book(Results.of(REPO / "reports"), REPO / "reports", other=Results.of(RECORDED), label="paper")
    for name in TITLES:
        assert notes(book.page(name)) == []
    (row,) = chosen(Results.of(RECORDED).table("vae")["rows"], {"run": "l100"})
    cell = row["cells"][
        [each["key"] for each in Results.of(RECORDED).table("vae")["columns"]].index("test_log_p")
    ]
    assert cell in book.page("ift6135")


# ---- what it depends on ----------------------------------------------------------------------------------


def test_dvc_yaml_lists_the_settings_that_templates_ask_for():
    """Else the book would not be written anew when they change."""
    stage = read_yaml(REPO / "dvc.yaml")["stages"]["write_book"]
    templates = [path.read_text() for path in (REPO / "src/regen/report/templates").glob("*.html")]
    asked = {key for text in templates for key in re.findall(r'setting\("([^"]+)"\)', text)}
    asked |= {key for text in templates for key in re.findall(r'recorded\("[^"]+", "([^"]+)"', text)}
    assert len(asked) > 20
    assert [
        key for key in asked if not any(f"{key}.".startswith(f"{each}.") for each in stage["params"])
    ] == []
    assert {f"reports/{name}.html" for name in TITLES} == set(stage["outs"])


# ---- how it was made -------------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return a function that gives the lines on a workspace with these settings."""
    stage = runpy.run_path(str(REPO / "stages" / "write_book.py"))
    monkeypatch.chdir(tmp_path)

    def lines(**data):
        (tmp_path / "params.yaml").write_text(yaml.safe_dump({"data": data}))
        return stage["made"]()

    return lines


def test_how_it_was_made_names_the_commit_and_what_changed_since(made, tmp_path):
    data = {"sets": ["digits"], "corpora": ["dates"]}
    assert made(**data)["code"] == "of no commit"
    for command in (
        ("init", "--quiet"),
        ("add", "params.yaml"),
        ("-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "settings"),
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=tmp_path, text=True)
    assert made(**data)["code"] == f"commit {commit[:10]}"
    assert made(**data | {"mirror": None})["code"] == f"commit {commit[:10]}, changed since"


def test_how_it_was_made_names_the_data_and_their_checksums(made):
    found = made(sets=["digits", "mnist"], corpora=["dates"])["data"].split("; ")
    images = DATASETS["mnist"].files[0]
    assert found[0] == "digits (comes with the installation)"
    assert found[1].startswith(f"mnist ({images.name} {images.sha256[:12]}, ")
    assert found[2] == "dates (comes with the installation)"
    copied = made(sets=["cifar10"], corpora=["dates"], sha256={"cifar10": "ab" * 32})["data"]
    assert copied.startswith("cifar10 (not the official file: abababababab)")
    official = DATASETS["cifar10"].files[0].sha256
    told = made(sets=["cifar10"], corpora=["dates"], sha256={"cifar10": official.upper()})["data"]
    assert told == made(sets=["cifar10"], corpora=["dates"])["data"]
    assert told.startswith(f"cifar10 (cifar-10-binary.tar.gz {official[:12]})")


# ---- parts -----------------------------------------------------------------------------------------------


def test_rows_are_chosen_by_value_or_by_a_list_of_values():
    rows = [
        {"values": {"run": "a", "k": 2}},
        {"values": {"run": "b", "k": 2}},
        {"values": {"run": "c", "k": 3}},
    ]
    assert chosen(rows, {}) == rows
    assert chosen(rows, {"run": "b"}) == rows[1:2]
    assert chosen(rows, {"run": ["a", "c"], "k": 3}) == rows[2:]


def test_formulas_are_mathml():
    assert str(math(r"\log p(x)")).startswith("<math")
    assert 'display="block"' in math("K", display=True)
