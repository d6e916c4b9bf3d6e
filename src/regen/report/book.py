"""The book of the five reports: HTML pages from the templates beside this module, and the results of a run.

Templates hold all prose, and ask by name for figures, tables, verdicts and settings. What is absent or
damaged says so in its place; the rest of the page appears.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import jinja2
from latex2mathml.converter import convert
from markupsafe import Markup

from regen.errors import InputError
from regen.report.results import Results, Row

CHAPTERS = {
    "ift6135": "IFT6135: VAE, games, GANs, flows",
    "uva2019": "UvA 2019: VAE, GAN, RealNVP",
    "uva2020": "UvA 2020: VAE theory",
    "mds3020": "3MD3020: VAE, attention, depth",
    "vu2020": "VU 2020: VAE against GAN",
}
TITLES = {"index": "Overview", **CHAPTERS, "runs": "All runs"}
"""Pages in their order, by the names of their templates and files."""
VERDICTS = ("agrees", "differs", "undecided")
"""Those that judge; any other says why there is none."""
EMPTY = {"text": "", "sort": None}
Column = Mapping[str, Any]
"""`key`, `title` and `better` of a table's column."""
P = ParamSpec("P")


@dataclass(frozen=True)
class Book:
    """Pages on `results`, to be written into `folder`; with `other`, beside those of another run."""

    results: Results
    folder: Path
    made: Mapping[str, str] = field(default_factory=dict)
    """How the results were made, for the first page."""
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
        parts = Parts(self, environment)
        environment.globals |= parts.functions()
        pages = [
            {"file": f"{each}.html", "title": title, "current": each == name}
            for each, title in TITLES.items()
        ]
        template = environment.get_template(f"{name}.html")
        return template.render(pages=pages, title=TITLES[name], made=self.made, label=self.label)


def _or_why_not(function: Callable[P, Markup]) -> Callable[P, Markup]:
    """In place of what cannot be had, a note that says why."""

    @wraps(function)
    def tolerant(*args: P.args, **kwargs: P.kwargs) -> Markup:
        try:
            return function(*args, **kwargs)
        except InputError as error:
            parts: Parts = args[0]  # type: ignore[assignment]
            return parts.render("missing", what=str(args[1]), why=str(error))

    return tolerant


@dataclass(frozen=True)
class Parts:
    """What templates may ask for."""

    book: Book
    environment: jinja2.Environment

    def functions(self) -> dict[str, Callable[..., Any]]:
        """By the names that templates use."""
        return {
            "figure": self.figure,
            "table": self.table,
            "claim": self.claim,
            "cell": self.cell,
            "setting": self.setting,
            "math": math,
            "state": self.state,
            "runs": self.runs,
            "figures_of": self.figures_of,
        }

    def render(self, part: str, **context: Any) -> Markup:
        """Render one of the templates in parts/."""
        return Markup(self.environment.get_template(f"parts/{part}.html").render(**context))

    # ---- pictures and tables ---------------------------------------------------------------------------

    @_or_why_not
    def figure(self, name: str, caption: str, alt: str = "") -> Markup:
        """Picture `figures/<name>`, a PNG if it has no suffix; the caption's text stands for `alt`."""
        file = name if Path(name).suffix else f"{name}.png"
        shown = self._picture(self.book.results, file)
        other = self._other_picture(file)
        return self.render(
            "figure",
            **shown,
            alt=alt or Markup(caption).striptags(),
            caption=Markup(caption) + self._data(name),
            other=other,
        )

    def _other_picture(self, file: str) -> dict[str, Any] | None:
        if self.book.other is None:
            return None
        try:
            return {**self._picture(self.book.other, file), "label": self.book.label}
        except InputError:
            return None

    def _data(self, figure: str) -> str:
        """On what data the run of a figure was trained, as a sentence; nothing where it is of no one run."""
        run = figure.split("/")[0]
        for section in self.book.results.settings.values():
            settings = section.get(run) if isinstance(section, dict) else None
            if isinstance(settings, dict) and "data" in settings:
                return f" Data: {settings['data']}{', binarized' if settings.get('binarize') else ''}."
        return ""

    def _picture(self, results: Results, file: str) -> dict[str, Any]:
        path, width, height = results.figure(file)
        return {"src": os.path.relpath(path, self.book.folder), "width": width, "height": height}

    @_or_why_not
    def table(
        self, name: str, caption: str, /, columns: Sequence[str] = (), **where: str | Sequence[str]
    ) -> Markup:
        """Table `name`: those `columns`, or all; the rows whose values are among those of `where`.

        Columns that none of these rows fill are left out.
        """
        found = self.book.results.table(name)
        rows = chosen(found["rows"], where)
        if not rows:
            raise InputError(found["empty"] or f"the table {name} has no row with {dict(where)}")
        shown = [
            column
            for i, column in enumerate(found["columns"])
            if (not columns or column["key"] in columns) and any(row["cells"][i] for row in rows)
        ]
        headings = [
            {**each, "numeric": all(is_number(row["values"][each["key"]]) for row in rows)} for each in shown
        ]
        csv = self.book.results.folder / "tables" / f"{name}.csv"
        return self.render(
            "table",
            name=name,
            csv=os.path.relpath(csv, self.book.folder),
            caption=Markup(caption),
            headings=headings,
            rows=_cells(found, rows, shown),
            other=self._other_rows(name, shown, where),
            other_label=self.book.label,
        )

    def _other_rows(
        self, name: str, shown: Sequence[Column], where: Mapping[str, Any]
    ) -> list[list[dict[str, Any]]] | None:
        """The same cells of the other run; none where it has no such table."""
        if self.book.other is None:
            return None
        try:
            found = self.book.other.table(name)
        except InputError:
            return []
        return _cells(found, chosen(found["rows"], where), shown)

    @_or_why_not
    def cell(self, name: str, column: str, /, **where: str) -> Markup:
        """One cell of a table, for prose."""
        table = self.book.results.table(name)
        keys = [each["key"] for each in table["columns"]]
        rows = chosen(table["rows"], where)
        if len(rows) != 1 or column not in keys:
            raise InputError(f"the table {name} has no {column!r} in a row with {where}")
        return Markup.escape(rows[0]["cells"][keys.index(column)])

    # ---- verdicts --------------------------------------------------------------------------------------

    @_or_why_not
    def claim(self, name: str) -> Markup:
        """What a report claims, and our verdict."""
        found = self.book.results.claims
        if name not in found:
            raise InputError(f"{self.book.results.folder}/claims.json: no claim {name!r}")
        other = self.book.other.claims.get(name) if self.book.other else None
        return self.render("claim", claim={"id": name, **found[name]}, other=other)

    @_or_why_not
    def state(self, what: str = "the state of all claims") -> Markup:  # noqa: ARG002 (named if missing)
        """All claims at a glance: how many of each report agree, differ, are undecided or have no verdict."""
        return self.render("state", counts=state(self.book.results.claims))

    # ---- settings and runs -----------------------------------------------------------------------------

    @_or_why_not
    def setting(self, key: str) -> Markup:
        """Value of a key of params.yaml, such as `vae.l100.epochs`."""
        found: Any = self.book.results.settings
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise InputError(f"{self.book.results.params}: no {key}")
            found = found[part]
        return Markup.escape(_words(found))

    def runs(self, section: str) -> list[str]:
        """Names of the runs in a section of params.yaml; none where that cannot be read."""
        try:
            return list(self.book.results.settings.get(section, {}))
        except InputError:
            return []

    def figures_of(self, run: str) -> list[str]:
        """Names of all figures of a run."""
        return [name for name in self.book.results.figures() if name.startswith(f"{run}/")]


def _cells(
    table: Mapping[str, Any], rows: Sequence[Row], shown: Sequence[Column]
) -> list[list[dict[str, Any]]]:
    """Cells of some rows and columns; empty where the table has no such column."""
    keys = [column["key"] for column in table["columns"]]
    places = [keys.index(column["key"]) if column["key"] in keys else None for column in shown]
    return [
        [
            {"text": row["cells"][i], "sort": row["values"].get(keys[i])} if i is not None else EMPTY
            for i in places
        ]
        for row in rows
    ]


def state(claims: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each report, how many claims have which verdict; `other`: none, for whatever reason."""
    rows = []
    for source, title in CHAPTERS.items():
        verdicts = [claim["verdict"].split(" (")[0] for claim in claims.values() if claim["source"] == source]
        judged = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
        rest = {"other": len(verdicts) - sum(judged.values()), "total": len(verdicts)}
        rows.append({"source": source, "title": title, "file": f"{source}.html", **judged, **rest})
    return rows


def chosen(rows: Sequence[Row], where: Mapping[str, Any]) -> list[Row]:
    """Those of `rows` whose values are, for each key of `where`, what it says or among what it lists."""
    wanted = {key: [each] if isinstance(each, str | int) else list(each) for key, each in where.items()}
    return [row for row in rows if all(row["values"].get(key) in each for key, each in wanted.items())]


def is_number(value: object) -> bool:
    """Whether a cell holds a number, or nothing."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def math(latex: str, display: bool = False) -> Markup:
    """Formula as MathML, from LaTeX."""
    return Markup(convert(latex, display="block" if display else "inline"))


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return {"True": "yes", "False": "no", "None": "none"}.get(str(value), str(value))
