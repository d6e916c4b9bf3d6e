"""The page of the last run: tables and figures together, in Markdown that a code host renders."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import pandas as pd

from regen.report.chapter import Chapter, Table
from regen.report.claims import COLUMNS

PAGE = """\
<!-- written by stages/write_report.py: change params.yaml or the code, not this page -->
# Results of the last run

Seed {seed}. The settings are in [params.yaml](../params.yaml), the numbers in [metrics.json](metrics.json),
the tables also as CSV in [tables/](tables). How long each training took, and on what machine, stands in
`reports/timings.md` and `timings.csv`, which are not in git, since nothing that is tells one machine from
another.{copies}

{sections}
{claims}"""
COPIES = """

**Not the official files,** but copies of other bytes (`data.sha256` in params.yaml): {names}. Tables and
figures made from them say '(copy)'."""
CLAIMS = """
## What the reports claim

{table}

'Other data' (or epochs, ...): no verdict, since the report's figure was made with another setting. A curve is
compared at the epoch where the two are furthest apart. The claims on the Dirac games stand in their table.
"""


def claims_table(judged: pd.DataFrame) -> Table:
    """Table of claims and verdicts, shown with the digits that its verdicts turn on."""
    fine = [bool(tolerance and tolerance < 0.1) for tolerance in judged["tolerance"]]
    shown = judged.copy()
    for name in ("report", "ours"):
        pairs = zip(judged[name], fine, strict=True)
        shown[name] = pd.Series([_fine(value) if small else value for value, small in pairs], dtype=object)
    return Table.of("claims", judged, COLUMNS, shown)


def _fine(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) and abs(value) >= 1e-3 else value


def page(seed: int, copies: Collection[str], chapters: Iterable[Chapter], claims: Table) -> str:
    """Page of these chapters and the table of claims; `copies` are data sets of other bytes."""
    return PAGE.format(
        seed=seed,
        copies=COPIES.format(names=", ".join(sorted(copies))) if copies else "",
        sections="\n".join(chapter.section for chapter in chapters),
        claims="" if claims.data.empty else CLAIMS.format(table=claims.text),
    )
