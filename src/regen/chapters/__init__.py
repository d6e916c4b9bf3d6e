"""What each family has to say in the report: a module a family, listed in `read_chapters`."""

from __future__ import annotations

from collections.abc import Collection

from regen.chapters import attention, corruptions, depth, dirac, gan, planar, realnvp, scores, theory, vae
from regen.params import Params
from regen.report.chapter import Chapter
from regen.report.claims import Claims

WITHOUT_RUNS = ("flow", "corruptions", "theory", "depth", "dirac")
"""Families that have no runs of a name of their own in params.yaml."""


def read_chapters(params: Params, claims: Claims, families: Collection[str] = WITHOUT_RUNS) -> list[Chapter]:
    """What has to be said of the runs of `params`, and of those of the `families` without names of runs.

    Raises:
        InputError: a record is absent; the message names it.
    """
    scored = scores.read_scores(params)
    known = {
        "vae": lambda: vae.chapter(params, claims, scored),
        "flow": lambda: planar.chapter(params, claims),
        "realnvp": lambda: realnvp.chapter(params, claims),
        "gan": lambda: gan.chapter(params, claims, scored),
        "scores": lambda: scores.chapter(params, scored),
        "corruptions": lambda: corruptions.chapter(params),
        "theory": theory.chapter,
        "attention": lambda: attention.chapter(params),
        "depth": lambda: depth.chapter(params),
        "dirac": lambda: dirac.chapter(params, claims),
    }
    left_out = set(WITHOUT_RUNS) - set(families)
    return [chapter() for family, chapter in known.items() if family not in left_out]
