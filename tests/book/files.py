"""What can be wrong with the pages of a book, found without a browser."""

from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

REFERENCES = ("aria-labelledby", "aria-describedby", "for", "headers")
LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
"""Attributes that name what a page loads, by tag."""


class Page(HTMLParser):
    """Tags of a page, with their attributes."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]


def faults_of_files(folder: Path) -> list[str]:
    """Say what is wrong with the links, anchors, images and headings of the pages in `folder`."""
    pages = {path: Page(path) for path in sorted(folder.glob("*.html"))}
    found = [] if pages else [f"{folder}: no pages"]
    for path, page in pages.items():
        checks = (_links(page, pages), _loaded(page), _images(page), _ids(page), _frame(page))
        found += [f"{path.name}: {fault}" for faults in checks for fault in faults]
    return found


def _links(page: Page, pages: dict[Path, Page]) -> list[str]:
    found = []
    for href in (attributes["href"] for tag, attributes in page.tags if tag == "a" and "href" in attributes):
        if urlsplit(href).scheme in ("http", "https"):
            continue
        file, fragment = urldefrag(href)
        target = (page.path.parent / unquote(file)).resolve() if file else page.path
        if not target.is_file():
            found.append(f"link to {href}: no such file")
        elif fragment and (target not in pages or fragment not in pages[target].values("id")):
            found.append(f"link to {href}: no such anchor")
    return found


def _loaded(page: Page) -> list[str]:
    """Name what is loaded from elsewhere, or is not there."""
    found = []
    for tag, attributes in page.tags:
        source = attributes.get(LOADED.get(tag, ""), "")
        if urlsplit(source).scheme == "data" or not source:
            continue
        target = (page.path.parent / unquote(source)).resolve()
        if urlsplit(source).scheme or not target.is_relative_to(page.path.parent):
            found.append(f"{tag} {source}: outside of the folder")
        elif not target.is_file():
            found.append(f"{tag} {source}: no such file")
    return found


def _images(page: Page) -> list[str]:
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    return [
        f"image {each.get('src')}: no {name}"
        for each in images
        for name in ("alt", "width", "height")
        if not each.get(name, "").strip()
    ]


def _ids(page: Page) -> list[str]:
    ids = Counter(page.values("id"))
    twice = [f"id {name}: {count} times" for name, count in ids.items() if count > 1]
    asked = {each for name in REFERENCES for value in page.values(name) for each in value.split()}
    return twice + [f"id {name}: asked for, but not there" for name in sorted(asked - set(ids))]


def _frame(page: Page) -> list[str]:
    """Check the language, the title, the main heading, and that no level of headings is left out."""
    tags = Counter(tag for tag, _ in page.tags)
    found = [f"{tags[tag]} {tag}: should be 1" for tag in ("title", "main", "h1") if tags[tag] != 1]
    if not any(tag == "html" and attributes.get("lang") for tag, attributes in page.tags):
        found.append("html: no lang")
    levels = [0, *(int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4", "h5", "h6"))]
    steps = pairwise(levels)
    return found + [f"h{level} after h{last}" for last, level in steps if level > last + 1]
