"""Scores of generated images in the report: of GANs, VAEs and flows alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from regen.artifacts import Metrics
from regen.params import Params
from regen.report.claims import NOT_SCORED, Facts
from regen.report.markdown import markdown, spread
from regen.report.records import Records

FRECHET = {"fid": "FID", "frechet_distance": "Frechet distance"}
KERNEL = {"kid": "KID", "kernel_distance": "kernel distance"}
"""What distances are called, by key: those named after Inception are of its features only."""
FOLLOWED = ("inception_score", *FRECHET, *KERNEL, "precision", "recall", "misread")
JUDGED = ("inception_score", "distance", "misread")
"""What claims may ask for of a run, whether or not it was scored."""
SETTINGS = ("extractor", "samples", "splits", "reference")
HEADINGS = {
    "run": "run",
    "family": "family",
    "reference": "against",
    "inception_score": "IS",
    "distance": "Frechet distance",
    "kernel": "kernel distance",
    "precision": "precision",
    "recall": "recall",
    "extractor": "features",
    "samples": "samples",
    "splits": "splits of the IS",
    "rank_deficient": "covariance lacks rank",
}
BESIDE = ("inception_score_std", "kernel_deviation", "distance_name", "kernel_name")
"""Columns of a table of scores that its heading or another column takes up."""
FAMILIES = {"vae": "VAE", "realnvp": "flow", "gan": "GAN"}

SECTION = """\
## Scores of generated images

{table}

IS: Inception Score, mean over the splits (± standard deviation), higher is better. Frechet and kernel
distance to the test images: lower is better. They are FID and KID where an Inception network gives the
features, and not to be compared with those where the classifier does. Precision: the share of samples that
look like test images; recall: the share of test images that look like samples.
"""


def one_name(scores: Metrics) -> dict[str, Any]:
    """Return `scores` with both distances as `distance` and `kernel` too, each with its `..._name`."""
    found: dict[str, Any] = dict(scores)
    for name, words in (("distance", FRECHET), ("kernel", KERNEL)):
        key = next((key for key in words if key in scores), None)
        if key:
            found |= {name: scores[key], f"{name}_name": words[key]}
            found |= {f"{name}_deviation": scores[f"{key}_std"]} if f"{key}_std" in scores else {}
    return found


def scores_of(run: str, records: Records) -> dict[str, Any] | None:
    """Return the scores of a run's images: those of its end, else its last on the way, else None."""
    if run in records.fidelity:
        return one_name(records.fidelity[run])
    evaluations = records.evaluations.get(run)
    if evaluations is None or evaluations.empty:
        return None
    return one_name({str(key): value for key, value in evaluations.iloc[-1].items()})


def scores_table(params: Params, records: Records) -> pd.DataFrame:
    """Return one row a scored run, in the order of `score.runs`."""
    families = {run: words for family, words in FAMILIES.items() for run in getattr(params, family)}
    rows = [
        {
            "run": run,
            "family": families[run],
            **one_name(scores),
            "reference": f"{scores['reference']}{params.copy_mark(params.score.runs[run])}",
        }
        for run, scores in records.fidelity.items()
    ]
    return pd.DataFrame(rows, columns=[*HEADINGS, *BESIDE])


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of scores with means and deviations in one cell."""
    shown = table.copy()
    for name, deviation, digits in (
        ("inception_score", "inception_score_std", 2),
        ("kernel", "kernel_deviation", 4),
    ):
        pairs = zip(table[name], table[deviation], strict=True)
        shown[name] = [spread(mean, error, digits) for mean, error in pairs]
    shown["distance"] = [spread(value, None, 2) for value in table["distance"]]
    return shown


def headings(table: pd.DataFrame, plain: Mapping[str, str]) -> dict[str, str]:
    """Return `plain` headings with the distances called by what all rows of `table` call them."""
    names = {
        name: words[0]
        for name in ("distance", "kernel")
        if len(words := table[f"{name}_name"].dropna().unique()) == 1
    }
    return {**plain, **names}


def scores_markdown(table: pd.DataFrame) -> str:
    """Return the table of scores for readers."""
    return markdown(readable(table), headings(table, HEADINGS)) if len(table) else "No run is scored."


def scores_section(table: pd.DataFrame) -> str:
    """Return the part of the page on the images of all families."""
    return SECTION.format(table=scores_markdown(table))


def with_scores(facts: Mapping[str, Facts], params: Params, records: Records) -> dict[str, Facts]:
    """Return `facts` with what claims may ask for of each run's images: `distance`, `inception_score`, ...

    What a run has no score of among JUDGED has the words 'not scored' in its place.
    """
    scored = dict(facts)
    for run in (run for family in FAMILIES for run in getattr(params, family)):
        scores = dict.fromkeys(JUDGED, NOT_SCORED) | (scores_of(run, records) or {})
        settings = {name: scores.get(name) for name in SETTINGS}
        old = facts[run]
        scored[run] = replace(old, settings={**old.settings, **settings}, metrics={**old.metrics, **scores})
    return scored


def score_metrics(records: Records) -> dict[str, dict[str, Any]]:
    """Return what `dvc metrics` follows of the images of each scored run."""
    return {
        run: {name: scores[name] for name in FOLLOWED if name in scores}
        for run, scores in records.fidelity.items()
    }
