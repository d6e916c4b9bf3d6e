"""All pages of the book joined to one, for printing: links between pages become links within it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from regen.errors import InputError

REFERENCES = ("aria-labelledby", "aria-describedby", "for", "headers")
"""Attributes that list ids of the same page."""
PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body><main>{chapters}</main><footer class="bottom">{made}</footer></body>
</html>
"""


class Links(HTMLParser):
    """Pages that the navigation of a page leads to, in its order, and the sheet and title that they share."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, None] = {}
        self.text = {"style": "", "title": ""}
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a link of the navigation leads."""
        if tag in ("nav", *self.text):
            self._open.append(tag)
        elif tag == "a" and "nav" in self._open:
            file = urldefrag(dict(attrs).get("href") or "").url
            if file.endswith(".html") and not urlsplit(file).scheme:
                self.pages[file] = None

    def handle_endtag(self, tag: str) -> None:
        """Leave the navigation, the sheet or the title."""
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Keep the sheet and the title."""
        if self._open and self._open[-1] in self.text:
            self.text[self._open[-1]] += data


class Chapter(HTMLParser):
    """What stands in `main` of a page, with ids and links as they are where all pages are one.

    `files` are the pages of the book. Links to other files are dropped, as a PDF is read without them.
    """

    def __init__(self, file: str, files: Iterable[str]) -> None:
        super().__init__(convert_charrefs=False)
        self.file = file
        self.files = set(files)
        self.parts: dict[str, list[str]] = {"main": [], "made": []}
        self._part: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter a part, or keep a tag in it."""
        if tag == "main":
            self._part = self.parts["main"]
            return
        if tag == "dl" and dict(attrs).get("class") == "made":
            self._part = self.parts["made"]
        self._keep(f"<{tag}{self._attributes(attrs)}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag that is closed in itself, as in MathML."""
        self._keep(f"<{tag}{self._attributes(attrs)}/>")

    def handle_endtag(self, tag: str) -> None:
        """Leave a part, or keep a tag in it."""
        if tag == "main":
            self._part = None
            return
        self._keep(f"</{tag}>")
        if tag == "dl" and self._part is self.parts["made"]:
            self._part = None

    def handle_data(self, data: str) -> None:
        """Keep text as it is."""
        self._keep(data)

    def handle_entityref(self, name: str) -> None:
        """Keep `&lt;` and its like."""
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """Keep `&#8211;` and its like."""
        self._keep(f"&#{name};")

    def html(self) -> str:
        """The page as a section, which links to the page lead to."""
        return f'<section class="page" id="{escape(self.file)}">{"".join(self.parts["main"])}</section>\n'

    def _keep(self, text: str) -> None:
        if self._part is not None:
            self._part.append(text)

    def _attributes(self, attrs: list[tuple[str, str | None]]) -> str:
        kept = ((name, self._value(name, value)) for name, value in attrs if name != "loading")
        return "".join(f' {name}="{escape(value)}"' for name, value in kept if value is not None)

    def _value(self, name: str, value: str | None) -> str | None:
        value = value or ""
        if name == "id":
            return self._id(self.file, value)
        if name in REFERENCES:
            return " ".join(self._id(self.file, each) for each in value.split())
        return self._target(value) if name == "href" else value

    def _target(self, href: str) -> str | None:
        """Where a link leads, or None where nothing is there."""
        if urlsplit(href).scheme:
            return href
        file, fragment = urldefrag(href)
        file = file or self.file
        return f"#{self._id(file, fragment)}" if file in self.files else None

    @staticmethod
    def _id(file: str, name: str) -> str:
        return f"{file}--{name}" if name else file


def one_page(first: Path) -> str:
    """HTML of the page `first` and all pages of its navigation, in that order.

    Raises:
        InputError: one of them is not there.
    """
    links = Links()
    links.feed(_text(first))
    files = list({first.name: None} | links.pages)
    chapters = [Chapter(file, files) for file in files]
    for chapter in chapters:
        chapter.feed(_text(first.parent / chapter.file))
    return PAGE.format(
        title=escape(links.text["title"]),
        style=links.text["style"],
        chapters="".join(chapter.html() for chapter in chapters),
        made="".join(chapters[0].parts["made"]),
    )


def _text(page: Path) -> str:
    try:
        return page.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{page}: {error.strerror}; make reproduce writes it") from None
