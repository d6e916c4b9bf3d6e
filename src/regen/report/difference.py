"""The changes since a revision, as Markdown, and as a page of HTML with the figures side by side."""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from regen.report.changes import Changes, Metric, Names, Verdict
from regen.report.gate import MOST, Gate

Block = str | pd.DataFrame
"""A paragraph, in which code stands in backticks, or a table of words."""
Read = Callable[[str], bytes | None]
"""Gives the content of a file, or None where there is none."""

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.4 sans-serif; margin: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ccc; padding: .2em .8em; text-align: left; vertical-align: top; }}
img {{ max-width: 44vw; }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def sections(base: str, changes: Changes, gate: Gate | None = None) -> dict[str, list[Block]]:
    """Parts of the page by title; `gate` where it was asked for."""
    found = {
        "Claims": _claims(base, changes.verdicts),
        "Params": _params(changes.params),
        "Metrics": _metrics(base, changes.metrics, changes.names),
        "Figures": _figures(changes.figures),
    }
    return found if gate is None else {**found, "Gate": _gate(gate)}


def as_markdown(base: str, found: dict[str, list[Block]]) -> str:
    """Page as Markdown."""
    parts = [f"## Changes since `{base}`"]
    for title, blocks in found.items():
        parts += [f"### {title}", *(block if isinstance(block, str) else _table(block) for block in blocks)]
    return "\n\n".join(parts) + "\n"


def as_html(base: str, found: dict[str, list[Block]], figures: Sequence[str], read: tuple[Read, Read]) -> str:
    """Page as HTML, complete in itself: `figures` side by side, read from the base and from the workspace."""
    parts = []
    for title, blocks in found.items():
        parts += [f"<h2>{title}</h2>", *map(_html, blocks)]
    if figures:
        parts.append(f"<table>\n<tr><th>figure<th>{html.escape(base)}<th>now</tr>")
        parts += [_pair(name, read) for name in figures]
        parts.append("</table>")
    return PAGE.format(title=html.escape(f"Changes since {base}"), body="\n".join(parts))


def _table(rows: pd.DataFrame) -> str:
    cells = rows.map(lambda text: text.replace("|", r"\|"))  # a bar would end the cell
    return str(cells.to_markdown(index=False, disable_numparse=True))


def _html(block: Block) -> str:
    if isinstance(block, str):
        words = re.sub("`([^`]*)`", r"<code>\1</code>", html.escape(block))
        return f"<p>{words}</p>"
    return str(block.to_html(index=False, border=0))


def _pair(name: str, read: tuple[Read, Read]) -> str:
    images = "".join(_image(side(name)) for side in read)
    return f"<tr><td>{html.escape(name)}{images}</tr>"


def _image(content: bytes | None) -> str:
    if content is None:
        return "<td>none"
    kind = "gif" if content.startswith(b"GIF8") else "png"
    return f'<td><img src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'


# ---- its parts -------------------------------------------------------------------------------------------


def _claims(base: str, verdicts: Sequence[Verdict] | None) -> list[Block]:
    if verdicts is None:
        return [f"`{base}` has no `reports/claims.json`: there are no verdicts to compare."]
    if not verdicts:
        return ["No verdict changed."]
    rows = [(one.claim, one.what, one.old or "none", one.new or "none", one.why) for one in verdicts]
    return [pd.DataFrame(rows, columns=["claim", "what", "old", "new", "why"])]


def _params(params: Iterable[tuple[str, Any, Any]]) -> list[Block]:
    rows = [(key, _value(old), _value(new)) for key, old, new in params]
    return [pd.DataFrame(rows, columns=["param", "old", "new"])] if rows else ["No param changed."]


def _metrics(base: str, metrics: Sequence[Metric] | None, names: Names) -> list[Block]:
    if metrics is None:
        return [f"`{base}` has no `reports/metrics.json`: there is nothing to compare."]
    rows = [
        (
            one.name,
            _value(one.old),
            _value(one.new),
            "" if one.change is None else f"{one.change:+.3g}",
            "" if one.size is None else "above all" if math.isinf(one.size) else f"{one.size:.1f}",
            "" if one.worse is None else "worse" if one.worse else "better",
        )
        for one in metrics
    ]
    columns = ["metric", "old", "new", "change", "deviations", "better or worse"]
    blocks: list[Block] = [pd.DataFrame(rows, columns=columns)] if rows else ["No metric changed."]
    if rows and not any(row[4] for row in rows):
        blocks.append(
            "How much another seed changes these is not known: `make noise` measures the quick profile."
        )
    blocks.append(f"{names.equal} {'is' if names.equal == 1 else 'are'} equal.")
    return [*blocks, *_apart(names)]


def _figures(figures: Names) -> list[Block]:
    counts = f"{len(figures.changed)} changed, {len(figures.new)} new, {len(figures.removed)} removed."
    changed = [f"Changed: {_listed(figures.changed)}."] if figures.changed else []
    return [counts, *changed, *_apart(figures)]


def _apart(names: Names) -> list[Block]:
    """What is on one side alone."""
    sides = {"New": names.new, "Removed": names.removed}
    return [f"{title}: {_listed(side)}." for title, side in sides.items() if side]


def _gate(gate: Gate) -> list[Block]:
    rows = [(one.kind, one.name, one.told, one.reason or "no") for one in gate.failures]
    blocks: list[Block] = [f"No metric got worse by more than {MOST:g} deviations, and no verdict was lost."]
    if rows:
        blocks = [pd.DataFrame(rows, columns=["worse", "name", "how", "accepted"])]
    if gate.idle:
        names = _listed([each.name for each in gate.idle])
        blocks.append(f"Lines of `accepted.yaml` that accept nothing here: {names}.")
    return blocks


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
