"""The corruptions' chapter: whether the Frechet distance rises with each."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd

from regen import artifacts
from regen.artifacts import FRECHET, distance_in
from regen.errors import InputError
from regen.params import Params
from regen.report.cells import spread
from regen.report.chapter import Chapter, Table
from regen.report.columns import Column

RISES = "rises at every step"


def columns(distance: str) -> list[Column]:
    """Columns of the table, whose distance is called as by its features."""
    return [
        *map(Column, ("data", "corruption", "strength")),
        Column("distance", FRECHET[distance]),
        Column("course", "the distance"),
        Column("inception_score", "IS"),
        Column("reference", "against"),
        Column("extractor", "features"),
        Column("samples", "images"),
    ]


def chapter(params: Params) -> Chapter:
    """Corruptions of the data sets of `params` with a classifier; InputError names an absent record."""
    if not params.classifier:
        raise InputError(
            "corruptions: are of the data sets of classifiers; name one, such as classifier-digits"
        )
    records = []
    for data in params.classifier:
        record = artifacts.read_csv(artifacts.corruptions_file(data))
        reference = record["reference"] + params.copy_mark(data)
        records.append(record.assign(reference=reference, data=data))
    scores = pd.concat(records, ignore_index=True)
    distance = distance_in(scores)
    rows = [row_of(rows, distance) for _, rows in scores.groupby(["data", "corruption"], sort=False)]
    shown = pd.DataFrame(rows)
    return Chapter(
        tables=[Table("corruptions", scores, columns(distance), shown=shown)],
        metrics={
            "corruptions": {
                f"{row['data']}_{row['corruption']}": "rises" if row["course"] == RISES else "does not rise"
                for row in rows
            }
        },
    )


def row_of(scores: pd.DataFrame, distance: str) -> dict[str, object]:
    """Row for readers of one corruption of one data set: its strengths, and the scores at each."""
    alike = {key: scores[key].iloc[0] for key in ("data", "corruption", "reference", "extractor", "samples")}
    listed = {"strength": "strength", "distance": distance, "inception_score": "inception_score"}
    digits = {"distance": 2, "inception_score": 2}
    texts = {
        key: ", ".join(spread(value, None, digits.get(key)) for value in scores[name])
        for key, name in listed.items()
    }
    return {**alike, **texts, "course": course(scores["strength"], scores[distance])}


def course(strengths: pd.Series[float], distances: pd.Series[float]) -> str:
    """What the distance does as the strength rises: RISES, or where it does not."""
    numbers = pd.to_numeric(distances, errors="coerce")
    steps = zip(pairwise(strengths), pairwise(numbers), strict=True)
    level = [f"from {one:g} to {other:g}" for (one, other), (below, above) in steps if not above > below]
    return f"does not rise {' and '.join(level)}" if level else RISES
