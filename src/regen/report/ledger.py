"""The ledger of claims: each with its rule, its verdict and why, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from regen.report.cells import ends
from regen.report.chapter import Table
from regen.report.claims import COLUMNS, Claim
from regen.report.judge import Judged

BESIDE = ("source", "rule", "error", "why")
"""Columns of the table that stand in its CSV file alone."""


def rule(claim: Claim) -> str:
    """What ours has to be, in words."""
    if claim.runs:
        return "in this order"
    if isinstance(claim.expected, str):
        same = "".join(f" or '{words}'" for words in claim.same)
        how = f" ({claim.judged})" if claim.judged else ""
        return f"the same wording{same}{how}"
    if claim.at_most:
        return f"at most {claim.expected:g}"
    within = f"within {claim.tolerance:g}" if claim.tolerance else "exactly this number"
    return f"{within} at every epoch" if isinstance(claim.expected, list) else within


def entries(judged: Iterable[Judged]) -> dict[str, dict[str, Any]]:
    """Ledger by claim: as numbers, words and lists, for JSON."""
    return {one.claim.id: _entry(one) for one in judged}


def _entry(one: Judged) -> dict[str, Any]:
    claim = one.claim
    return {
        "source": claim.source,
        **({"question": claim.question} if claim.question else {}),
        "what": claim.what,
        "runs": claim.names,
        "metric": claim.metric,
        "expected": one.expected,
        "rule": rule(claim),
        "tolerance": claim.tolerance or None,
        "ours": one.ours,
        "error": one.error,
        "verdict": one.verdict,
        "why": one.why,
    }


def table(judged: Iterable[Judged]) -> pd.DataFrame:
    """Table of the ledger, a row a claim; a curve that was not run is shown by its ends."""
    rows = [
        {**entry, "claim": name, "report": ends(entry["expected"])} for name, entry in entries(judged).items()
    ]
    return pd.DataFrame(rows, columns=[*(column.key for column in COLUMNS), *BESIDE])


def claims_table(judged: pd.DataFrame) -> Table:
    """Table of claims and verdicts, shown with the digits that its verdicts turn on."""
    fine = [bool(tolerance and tolerance < 0.1) for tolerance in judged["tolerance"]]
    shown = judged.copy()
    for name in ("report", "ours"):
        pairs = zip(judged[name], fine, strict=True)
        shown[name] = pd.Series([_fine(value) if small else value for value, small in pairs], dtype=object)
    return Table("claims", judged, COLUMNS, shown)


def _fine(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) and abs(value) >= 1e-3 else value
