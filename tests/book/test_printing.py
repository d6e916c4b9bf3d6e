import re
import shutil
import webbrowser
from collections import Counter

import pytest
from pypdf import PdfReader

from book.files import Page
from regen import artifacts
from regen.errors import InputError, RunError
from regen.pipeline import browser as module
from regen.pipeline.browser import open_page, print_book
from regen.pipeline.one_page import one_page


@pytest.fixture
def joined(demo):
    """All pages of a book as one, beside its figures."""
    path = demo / "all.html"
    path.write_text(one_page(demo / "index.html"))
    return path


def test_all_pages_in_the_order_of_the_navigation(joined):
    tags = Page(joined).tags
    assert [attributes["id"] for _, attributes in tags if attributes.get("class") == "page"] == [
        "index.html",
        "one.html",
        "runs.html",
    ]


def test_ids_stay_apart_and_all_references_lead_to_one(joined):
    page = Page(joined)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    named = {each for name in ("aria-labelledby",) for value in page.values(name) for each in value.split()}
    led_to = {href.removeprefix("#") for href in page.values("href")}
    assert "one.html--claim-final" in led_to
    assert named | led_to <= set(ids)


def test_nothing_of_a_page_is_lost(demo, joined):
    text = joined.read_text()
    parts = {
        re.search(r'id="([\w.]+)"', part)[1]: part
        for part in re.split(r"(?=<\w+[^>]*class=\"page\")", text)[1:]
    }
    pages = [page for page in demo.glob("*.html") if page != joined]
    assert parts.keys() == {page.name for page in pages}
    for page in pages:
        (main,) = re.findall(r"<main[^>]*>(.*)</main>", page.read_text(), re.DOTALL)
        assert Counter(bare(main)) <= Counter(bare(parts[page.name]))
    assert text.count("<math") == 2
    assert "&lt;b&gt;" in text
    assert "profile quick" in text


def bare(text):
    return re.sub(r"<[^>]*>", " ", text).split()


def test_a_page_that_is_not_there_is_named(demo):
    (demo / "one.html").unlink()
    with pytest.raises(InputError, match=r"one\.html: No such file or directory; make reproduce writes it$"):
        one_page(demo / "index.html")


@pytest.mark.usefixtures("browser")
def test_a_pdf_of_all_pages_whose_links_lead_within_it(demo):
    pdf = demo / "regen.pdf"
    print_book(demo / "index.html", pdf)
    read = PdfReader(pdf)
    text = [page.extract_text() for page in read.pages]
    assert "Overview" in read.metadata.title
    assert any("Hiddenat" in re.sub(r"\s", "", each) for each in text)
    links = [each.get_object() for page in read.pages for each in page.get("/Annots", [])]
    targets = {link["/Dest"] for link in links if "/Dest" in link}
    assert not [link for link in links if "/A" in link]
    assert {"/one.html", "/one.html--claim-final"} <= targets <= set(read.named_destinations)
    assert sum(len(page.images) for page in read.pages) >= 4
    assert not list(demo.glob("tmp*")) + list(demo.glob(".*"))


def test_without_a_browser_nothing_is_printed(demo, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(InputError, match=r"^Chromium or Chrome: neither is installed"):
        print_book(demo / "index.html", demo / "regen.pdf")
    assert not (demo / "regen.pdf").exists()


def test_a_browser_that_fails_is_told_of(demo, monkeypatch):
    monkeypatch.setattr(module, "find_browser", lambda: "false")
    with pytest.raises(RunError, match=r"^false: ended with exit code 1: it said nothing$"):
        print_book(demo / "index.html", demo / "regen.pdf")
    monkeypatch.setattr(module, "find_browser", lambda: "true")
    with pytest.raises(RunError, match=r"regen\.pdf: true printed nothing$"):
        print_book(demo / "index.html", demo / "regen.pdf")
    assert sorted(each.name for each in demo.iterdir() if each.is_file()) == [
        "index.html",
        "one.html",
        "runs.html",
    ]


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """What a browser was asked to open, in a folder with a report."""
    asked = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webbrowser, "open", lambda url: asked.append(url) or True)
    for name in ("index", "runs"):
        artifacts.write_text(artifacts.book_page(name), "")
    return asked


@pytest.mark.parametrize("page", ["runs", "runs.html"])
def test_a_page_is_opened(opened, tmp_path, page):
    open_page(page)
    assert opened == [(tmp_path / "reports/runs.html").as_uri()]


def test_a_page_to_open_that_is_not_there(opened, tmp_path):
    with pytest.raises(InputError, match=r"^reports/one\.html: not there; allowed: index, runs$"):
        open_page("one")
    shutil.rmtree(tmp_path / "reports")
    with pytest.raises(InputError, match=r"^reports/index\.html: not there; make reproduce writes it$"):
        open_page("index")
    assert opened == []


@pytest.mark.usefixtures("opened")
def test_a_desktop_without_a_browser(monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    with pytest.raises(RunError, match=r"^reports/index\.html: no browser"):
        open_page("index")
