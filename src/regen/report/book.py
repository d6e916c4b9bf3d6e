"""The book of the five reports: HTML pages from the templates beside this module, and the results of a run.

Templates hold all prose, and ask by name for figures, tables, verdicts and settings. What is absent or
damaged says so in its place; the rest of the page appears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jinja2

from regen.report.parts import Parts
from regen.report.results import Results
from regen.report.state import CHAPTERS

TITLES = {"index": "Overview", **CHAPTERS, "runs": "All runs"}
"""Pages in their order, by the names of their templates and files."""
FOOTER = ("settings",)
"""Of how the results were made, what each page says at its foot."""


@dataclass(frozen=True)
class Book:
    """Pages on `results`, to be written into `folder`; with `other`, beside those of another run."""

    results: Results
    folder: Path
    made: Mapping[str, str] = field(default_factory=dict)
    """How the results were made, line by line."""
    other: Results | None = None
    label: str = ""
    """Name of the other run."""

    def write(self, write_text: Callable[[Path, str], None]) -> None:
        """Publish all pages with `write_text`."""
        for page in TITLES:
            write_text(self.folder / f"{page}.html", self.page(page))

    def page(self, name: str) -> str:
        """HTML of one page."""
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("regen.report"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        parts = Parts(environment, self.results, self.folder, self.other, self.label)
        environment.globals |= parts.functions()
        pages = [
            {"file": f"{each}.html", "title": title, "current": each == name}
            for each, title in TITLES.items()
        ]
        template = environment.get_template(f"{name}.html")
        footer = {key: self.made[key] for key in FOOTER if key in self.made}
        return template.render(pages=pages, title=TITLES[name], made=footer, how=self.made)
