"""The chapter on scores of generated images: of GANs, VAEs and flows alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pandas as pd

from regen import artifacts
from regen.artifacts import FRECHET, Metrics
from regen.chapters.shared import over_seeds, read_each
from regen.params import IMAGE_FAMILIES, Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import NOT_SCORED, Facts
from regen.report.columns import Column, frame, hidden

KERNEL = {"kid": "KID", "kernel_distance": "kernel distance"}
"""What the kernel distance is called, by key: KID for Inception features only."""
FOLLOWED = ("inception_score", *FRECHET, *KERNEL, "precision", "recall", "misread")
JUDGED = ("inception_score", "distance", "misread")
"""What claims may ask for of a run, whether or not it was scored."""
SETTINGS = ("extractor", "samples", "splits", "reference")
INCEPTION = Column("inception_score", "IS", digits=2, deviation="inception_score_std", better="higher")
DISTANCE = Column("distance", FRECHET["frechet_distance"], digits=2, better="lower")
KERNELS = Column("kernel", KERNEL["kernel_distance"], digits=4, deviation="kernel_std", better="lower")
PRECISION = Column("precision", better="higher")
RECALL = Column("recall", better="higher")
BESIDE = hidden("inception_score_std", "kernel_std", "distance_name", "kernel_name")
"""Columns that a heading or another column takes up."""
COLUMNS = (
    *map(Column, ("run", "family")),
    Column("reference", "against"),
    *(INCEPTION, DISTANCE, KERNELS, PRECISION, RECALL),
    Column("extractor", "features"),
    Column("samples"),
    Column("splits", "splits of the IS"),
    Column("rank_deficient", "covariance lacks rank"),
    *BESIDE,
)
WORDS = {"vae": "VAE", "realnvp": "flow", "gan": "GAN"}
"""For families of runs, those that have another than their name."""


@dataclass(frozen=True)
class Scores:
    """Scores of generated images, by run."""

    final: Mapping[str, Metrics]
    """Of the runs whose images are scored at their end."""
    on_the_way: Mapping[str, pd.DataFrame]
    """Of the GANs: a row for each step at which they were scored, and each seed."""
    beside: Mapping[str, Mapping[str, Metrics]] = field(default_factory=dict)
    """Of some of the runs, also at their end, by other extractors."""

    def of(self, run: str, extractor: str | None = None) -> dict[str, Any] | None:
        """Scores of a run's images, by `extractor` where there are such.

        Else those of its end, else its last on the way, else None.
        """
        if (found := self.beside.get(run, {}).get(extractor or "")) is not None:
            return one_name(found)
        if run in self.final:
            return one_name(self.final[run])
        evaluations = self.on_the_way.get(run)
        if evaluations is None or evaluations.empty:
            return None
        last = over_seeds(evaluations, "step").iloc[-1]
        return one_name({str(key): value for key, value in last.items()})


def read_scores(params: Params) -> Scores:
    """Scores of the runs of `params`; InputError names a record that is absent."""
    return Scores(
        final=read_each(params.score.runs, "fidelity"),
        on_the_way={run: artifacts.read_csv(artifacts.evaluations_file(run)) for run in params.gan},
        beside=cast(Mapping[str, Mapping[str, Metrics]], read_each(params.score.beside, "beside")),
    )


def one_name(scores: Metrics) -> dict[str, Any]:
    """`scores` with both distances as `distance` and `kernel` too, each with its `..._name`.

    `..._deviation` is that over the seeds, `kernel_std` that over subsets of images.
    """
    found: dict[str, Any] = dict(scores)
    for name, words in (("distance", FRECHET), ("kernel", KERNEL)):
        key = next((key for key in words if key in scores), None)
        if key:
            found |= {name: scores[key], f"{name}_name": words[key]}
            kinds = ("deviation", "std")
            found |= {f"{name}_{kind}": scores[each] for kind in kinds if (each := f"{key}_{kind}") in scores}
    return found


def chapter(params: Params, scores: Scores) -> Chapter:
    """Scores of all families; what claims ask for and has no score is 'not scored'."""
    table = scores_table(params, scores)
    return Chapter(
        tables=[table],
        facts={run: _facts(scores, run) for run in _families(params)},
        metrics={
            run: {name: found[name] for name in FOLLOWED if name in found}
            for run, found in scores.final.items()
        },
        trained=[*map(artifacts.classifier_run, params.classifier)],
    )


def _facts(scores: Scores, run: str) -> Facts:
    beside = {by: scores_facts(one_name(found)) for by, found in scores.beside.get(run, {}).items()}
    return replace(scores_facts(scores.of(run) or {}), beside=beside)


def scores_table(params: Params, scores: Scores) -> Table:
    """One row a scored run and extractor, in the order of `score.runs`."""
    families = _families(params)
    rows = [
        {
            **one_name(found),
            "run": run,
            "family": families[run],
            "reference": f"{found['reference']}{params.copy_mark(params.score.runs[run])}",
        }
        for run, last in scores.final.items()
        for found in (last, *scores.beside.get(run, {}).values())
    ]
    data = frame(rows, COLUMNS)
    return Table("scores", data, named(COLUMNS, data), empty="No run is scored.")


def _families(params: Params) -> dict[str, str]:
    """Name for readers of the family of each run on images."""
    return {run: WORDS.get(family, family) for family in IMAGE_FAMILIES for run in getattr(params, family)}


def named(columns: Sequence[Column], data: pd.DataFrame) -> list[Column]:
    """`columns` with the distances called by what all rows of `data` call them."""
    words = {key: data[f"{key}_name"].dropna().unique() for key in ("distance", "kernel")}
    headings = {key: str(found[0]) for key, found in words.items() if len(found) == 1}
    return [replace(column, heading=headings.get(column.key, column.heading)) for column in columns]


def scores_facts(scores: Mapping[str, Any]) -> Facts:
    """Facts on a run's images, such as `distance` and `inception_score`."""
    return Facts(
        {name: scores.get(name) for name in SETTINGS}, {**dict.fromkeys(JUDGED, NOT_SCORED), **scores}
    )
