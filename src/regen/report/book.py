"""The book of the five reports: HTML pages from the templates beside this module, and the results of a run.

Templates hold all prose, and ask by name for figures, tables, verdicts and settings. What is absent or
damaged says so in its place; the rest of the page appears.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import jinja2

from regen import artifacts
from regen.report.parts import Parts
from regen.report.records import Record
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
    records: Sequence[Record] = ()
    """Recorded runs, which tell what the results cannot."""

    @cached_property
    def environment(self) -> jinja2.Environment:
        """The templates, compiled once for all pages."""
        return environment(jinja2.PackageLoader("regen.report"))

    def write(self) -> None:
        """Publish all pages."""
        for page in TITLES:
            artifacts.write_text(self.folder / f"{page}.html", self.page(page))

    def page(self, name: str) -> str:
        """HTML of one page."""
        parts = Parts(self.environment, self.results, self.folder, self.other, self.label, self.records)
        pages = [
            {"file": f"{each}.html", "title": title, "current": each == name}
            for each, title in TITLES.items()
        ]
        template = self.environment.get_template(f"{name}.html", globals=parts.functions())
        footer = {key: self.made[key] for key in FOOTER if key in self.made}
        return template.render(pages=pages, title=TITLES[name], made=footer, how=self.made)


def environment(loader: jinja2.BaseLoader) -> jinja2.Environment:
    """Templates of `loader`: what they show is escaped, and what they ask for has to be there."""
    return jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
