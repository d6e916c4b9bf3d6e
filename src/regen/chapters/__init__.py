"""What each family has to say in the report: a module a family, listed in `read_chapters`."""

from __future__ import annotations

from regen.chapters import attention, corruptions, depth, dirac, gan, planar, realnvp, scores, theory, vae
from regen.params import Params
from regen.report.chapter import Chapter
from regen.report.claims import Claims


def read_chapters(params: Params, claims: Claims) -> list[Chapter]:
    """What each family has to say of the runs of `params`; InputError names a record that is absent."""
    scored = scores.read_scores(params)
    return [
        vae.chapter(params, claims, scored),
        planar.chapter(params, claims),
        realnvp.chapter(params, claims),
        gan.chapter(params, claims, scored),
        scores.chapter(params, scored),
        corruptions.chapter(params),
        theory.chapter(),
        attention.chapter(params),
        depth.chapter(params),
        dirac.chapter(params, claims),
    ]
