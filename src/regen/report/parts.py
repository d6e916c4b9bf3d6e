"""What the book's templates may ask for: figures, tables, single cells, verdicts, settings, formulas."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import quote

import jinja2
from latex2mathml.converter import convert
from markupsafe import Markup

from regen.errors import InputError
from regen.report.cells import ends, spread
from regen.report.records import Record, beyond, embedded, joined
from regen.report.results import Results
from regen.report.rows import Column, cells_of, chosen, is_number
from regen.report.state import VERDICTS, state, verdict_of

P = ParamSpec("P")
T = TypeVar("T")
U = TypeVar("U")
NOTHING: dict[str, Any] = {}


def _or_why_not(
    part: str = "missing",
) -> Callable[[Callable[P, Markup]], Callable[P, Markup]]:
    """In place of what cannot be had, a note that says why: the template `part`, `gap` within prose."""

    def tolerant(function: Callable[P, Markup]) -> Callable[P, Markup]:
        @wraps(function)
        def found(*args: P.args, **kwargs: P.kwargs) -> Markup:
            try:
                return function(*args, **kwargs)
            except InputError as error:
                parts: Parts = args[0]  # type: ignore[assignment]
                return parts.render(part, what=str(args[1]), why=str(error))

        return found

    return tolerant


def _if_there(get: Callable[[], T], otherwise: U) -> T | U:
    """What `get` returns, or `otherwise` where its file is absent or damaged."""
    try:
        return get()
    except InputError:
        return otherwise


@dataclass(frozen=True)
class Parts:
    """What templates may ask for, of `results` and, beside them, of the `other` run."""

    environment: jinja2.Environment
    results: Results
    folder: Path
    """Where the pages are written: links are relative to it."""
    other: Results | None = None
    label: str = ""
    """Name of the other run."""
    records: Sequence[Record] = ()
    """Recorded runs, which tell what this run cannot."""
    inside: bool = False
    """Whether pictures become part of the page: the files of a recorded run do not lie beside it."""
    shown: Counter[str] = field(default_factory=Counter)
    """How often this page has shown each table."""

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
            "totals": self.totals,
            "with_verdict": self.with_verdict,
            "runs": self.runs,
            "figures_of": self.figures_of,
            "record": self.record,
            "records": lambda: self.records,
            "beyond": lambda: self.added,
        }

    def render(self, part: str, **context: Any) -> Markup:
        """Render one of the templates in parts/."""
        return Markup(self.environment.get_template(f"parts/{part}.html").render(**context))

    # ---- pictures and tables ---------------------------------------------------------------------------

    @_or_why_not()
    def figure(self, name: str, caption: str) -> Markup:
        """Picture `figures/<name>`, a PNG if it has no suffix, whose caption also stands for it in words."""
        file = name if Path(name).suffix else f"{name}.png"
        return self.render(
            "figure",
            **self._picture(self.results, file),
            alt=Markup(caption).striptags(),
            caption=Markup(caption) + self._data(name),
            other=self._other_picture(file),
        )

    def _other_picture(self, file: str) -> dict[str, Any] | None:
        other = self.other
        if other is None:
            return None
        return _if_there(lambda: {**self._picture(other, file), "label": self.label}, None)

    def _data(self, figure: str) -> str:
        """On what data the run of a figure was trained, as a sentence; nothing where it is of no one run."""
        run = figure.split("/")[0]
        sections = _if_there(lambda: self.results.settings, NOTHING).values()
        for settings in (each.get(run) for each in sections if isinstance(each, dict)):
            if isinstance(settings, dict) and "data" in settings:
                return f" Data: {settings['data']}{', binarized' if settings.get('binarize') else ''}."
        return ""

    def _link(self, path: Path) -> str:
        """Address of a file, from the pages."""
        return quote(os.path.relpath(path, self.folder))

    def _picture(self, results: Results, file: str) -> dict[str, Any]:
        path, width, height = results.figure(file)
        src = embedded(path) if self.inside else self._link(path)
        return {"src": src, "width": width, "height": height}

    @_or_why_not()
    def table(
        self, name: str, caption: str, /, columns: Sequence[str] = (), **where: str | Sequence[str]
    ) -> Markup:
        """Table `name`: those `columns`, or all; the rows whose values are among those of `where`.

        Columns that none of these rows fill are left out.
        """
        found = self.results.table(name)
        rows = chosen(found["rows"], where)
        if not rows:
            without = "" if found["rows"] else found["empty"]
            raise InputError(without or f"the table {name} has no row with {dict(where)}")
        shown = [
            column
            for i, column in enumerate(found["columns"])
            if (not columns or column["key"] in columns) and any(row["cells"][i] for row in rows)
        ]
        headings = [
            {**each, "numeric": all(is_number(row["values"][each["key"]]) for row in rows)} for each in shown
        ]
        csv = self.results.folder / "tables" / f"{name}.csv"
        return self.render(
            "table",
            name=self._anchor(name),
            csv=None if self.inside else self._link(csv),
            caption=Markup(caption),
            headings=headings,
            rows=cells_of(found, rows, shown),
            other=self._other_rows(name, shown, where),
            other_label=self.label,
        )

    def _anchor(self, name: str) -> str:
        """Name of a table on this page, which may show it more than once."""
        self.shown[name] += 1
        return name if self.shown[name] == 1 else f"{name}-{self.shown[name]}"

    def _other_rows(
        self, name: str, shown: Sequence[Column], where: Mapping[str, Any]
    ) -> list[list[dict[str, Any]]] | None:
        """The same cells of the other run; none where it has no such table."""
        other = self.other
        if other is None:
            return None
        found = _if_there(lambda: other.table(name), None)
        return cells_of(found, chosen(found["rows"], where), shown) if found else []

    @_or_why_not("gap")
    def cell(self, name: str, column: str, /, **where: str) -> Markup:
        """One cell of a table, for prose: a count with its thousands, as a `setting` has them."""
        table = self.results.table(name)
        keys = [each["key"] for each in table["columns"]]
        rows = chosen(table["rows"], where)
        if len(rows) != 1 or column not in keys:
            raise InputError(f"the table {name} has no {column!r} in a row with {where}")
        text = rows[0]["cells"][keys.index(column)]
        return Markup.escape(f"{int(text):,}" if text.isdecimal() else text)

    # ---- verdicts --------------------------------------------------------------------------------------

    @_or_why_not()
    def claim(self, name: str) -> Markup:
        """What a report claims, and our verdict."""
        found = self.results.claims
        if name not in found:
            raise InputError(f"{self.results.folder}/claims.json: no claim {name!r}")
        theirs = self.other
        other = theirs and _if_there(lambda: theirs.claims, NOTHING).get(name)
        return self.render(
            "claim",
            claim=_for_readers(name, found[name]),
            other=other and _for_readers(name, other),
            other_label=self.label,
            recorded=[
                {"label": label, **_for_readers(name, claim)} for label, claim in self.added.get(name, [])
            ],
        )

    @cached_property
    def added(self) -> dict[str, list[tuple[str, Mapping[str, Any]]]]:
        """By claim, what recorded runs say of it and this run does not; nothing where ours cannot be read."""
        return beyond(self.records, _if_there(lambda: self.results.claims, NOTHING))

    def record(self, name: str, key: str, figures: str = "") -> Parts | None:
        """Parts of the recorded run of that name, if its setting `key` is another than here.

        With `figures`, the name of a run, only if it has such figures.
        """
        results = next((each.results for each in self.records if each.name == name), None)
        if results is None:
            return None
        theirs = replace(self, results=results, other=None, records=(), inside=True)
        ours = _if_there(lambda: self._setting(key), None)
        same = _if_there(lambda: theirs._setting(key), ours) == ours
        return None if same or (figures and not theirs.figures_of(figures)) else theirs

    @_or_why_not()
    def state(self, what: str, recorded: bool = False) -> Markup:  # noqa: ARG002 (the name of what is missing)
        """All claims at a glance: how many of each report agree, differ, are undecided or have no verdict.

        With `recorded`, those without one have that of a recorded run.
        """
        return self.render("state", counts=state(self._claims(recorded)))

    def totals(self, recorded: bool = False) -> Mapping[str, int]:
        """How many claims agree, differ, are undecided, have no verdict, and are there in all."""
        rows = _if_there(lambda: state(self._claims(recorded)), [])
        return {key: sum(row[key] for row in rows) for key in (*VERDICTS, "other", "total")} if rows else {}

    def _claims(self, recorded: bool) -> Mapping[str, Mapping[str, Any]]:
        return joined(self.records if recorded else (), self.results.claims)

    def with_verdict(self, verdict: str) -> list[Mapping[str, Any]]:
        """Claims with that verdict, in their order, each with its `id`; none where they cannot be read."""
        claims = _if_there(lambda: self.results.claims, NOTHING).items()
        return [{"id": name, **claim} for name, claim in claims if verdict_of(claim) == verdict]

    # ---- settings and runs -----------------------------------------------------------------------------

    @_or_why_not("gap")
    def setting(self, key: str) -> Markup:
        """Value of a key of params.yaml, such as `vae.l100.epochs`."""
        value = self._setting(key)
        return Markup.escape(f"{value:,}" if type(value) is int else _words(value))

    def _setting(self, key: str) -> Any:
        found: Any = self.results.settings
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                raise InputError(f"{self.results.params}: no {key}")
            found = found[part]
        return found

    def runs(self, section: str) -> list[str]:
        """Names of the runs in a section of params.yaml; none where that cannot be read."""
        return list(_if_there(lambda: self.results.settings, NOTHING).get(section) or {})

    def figures_of(self, run: str) -> list[str]:
        """Names of all figures of a run."""
        return [name for name in self.results.figures() if name.startswith(f"{run}/")]


def _for_readers(name: str, claim: Mapping[str, Any]) -> dict[str, Any]:
    """A claim with its figures as texts, of as many digits as its verdict turns on, or None."""
    tolerance = claim.get("tolerance")
    digits = 4 if isinstance(tolerance, float) and 1e-4 < tolerance < 0.1 else None
    figures = {key: ends(claim.get(key)) for key in ("expected", "ours", "error", "tolerance")}
    texts = {key: spread(value, None, digits) or None for key, value in figures.items()}
    unknown = dict.fromkeys(("question", "rule", "why", "verdict", "what", "source"))
    return {"id": name, **unknown, **claim, **texts}


def math(latex: str, display: bool = False) -> Markup:
    """Formula as MathML, from LaTeX."""
    return Markup(convert(latex, display="block" if display else "inline"))


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return {"True": "yes", "False": "no", "None": "none"}.get(str(value), str(value))
