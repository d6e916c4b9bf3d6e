"""The five reports, and the state of what they claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHAPTERS = {
    "ift6135": "IFT6135: VAE, games, GANs, flows",
    "uva2019": "UvA 2019: VAE, GAN, RealNVP",
    "uva2020": "UvA 2020: VAE theory",
    "mds3020": "3MD3020: VAE, attention, depth",
    "vu2020": "VU 2020: VAE against GAN",
}
"""Titles of the reports, by their names in claims.yaml, in their order."""
VERDICTS = ("agrees", "differs", "undecided")
"""Those that judge; any other says why there is none."""


def verdict_of(claim: Mapping[str, Any]) -> str:
    """Verdict on a claim, without its marks."""
    return str(claim["verdict"]).split(" (")[0]


def marks_of(claim: Mapping[str, Any]) -> int:
    """How many marks the verdict on a claim has: what of our run is not as the report's."""
    return sum(map(str(claim["verdict"]).count, "(,"))


def state(claims: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each report, how many claims have which verdict; `other`: none, for whatever reason."""
    rows = []
    for source, title in CHAPTERS.items():
        verdicts = [verdict_of(claim) for claim in claims.values() if claim.get("source") == source]
        judged = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
        rest = {"other": len(verdicts) - sum(judged.values()), "total": len(verdicts)}
        rows.append({"source": source, "title": title, "file": f"{source}.html", **judged, **rest})
    return rows
