"""The GANs in the report: their table, what their metric tells of their samples, their figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from regen.artifacts import Metrics
from regen.chapters.scores import BESIDE, headings, readable, scores_of
from regen.chapters.trends import LOSSES, UNSEEN, courses, strengths, tells_more, trends_markdown
from regen.params import COPY, Params
from regen.params.gan import GanRun
from regen.report.claims import NOT_SCORED, Claims, Facts
from regen.report.markdown import markdown
from regen.report.records import Records

HEADINGS = {
    "run": "run",
    "loss": "loss",
    "critic": "critic",
    "data": "data",
    "steps": "steps",
    "inception_score": "IS",
    "report_inception_score": "(report)",
    "distance": "Frechet distance",
    "report_fid": "(report's FID)",
    "kernel": "kernel distance",
    "precision": "precision",
    "recall": "recall",
    "scored": "scored by",
    "generator_parameters": "parameters of the generator",
    "parameters": "of both",
}
FIGURES = ("final.png", "samples.png", "samples.gif", "interpolation.png", "interpolation.gif", "losses.png")
FOLLOWED = ("train_metric", "train_critic_loss", "train_generator_loss")
CLOSE = 0.1
"""Of the mean train loss: how far, on average over the epochs, the valid loss of it may be."""

SECTION = """\
## Generative adversarial networks

{table}

IS: Inception Score, mean over the splits (± standard deviation). R1 c: the penalty c E|dC/dx|^2 at real
images.{note}

{overview}

{final}

### Which metric tells more?

Spearman's rank correlations over the scores on the way; 'metric' is the critic's estimate, its mean since the
score before. {answer}

{trends}

{figures}
"""
OVERVIEW = """\
![The critic's metric and the Frechet distance over the steps](figures/gan/overview.png)

The critic's metric (blue, left; faint: as trained, points: means since the score before) and the Frechet
distance (orange, right). What comes before a tenth of the steps may lie outside, as may single steps."""
DETAILS = """\
<details>
<summary><code>{run}</code>: samples on the way, interpolation, losses{scores}</summary>

{images}

</details>"""


def constraint(run: GanRun) -> str:
    """Return what keeps the critic's gradient in bounds."""
    parts = ["spectral norm"] if run.spectral_norm else []
    if run.penalty != "none":
        parts.append(f"{run.penalty.upper()} {run.penalty_coefficient:g}")
    return ", ".join(parts) or "plain"


def gan_table(params: Params, records: Records, claims: Claims) -> pd.DataFrame:
    """Return one row a GAN: its scores beside the report's, and its size."""
    rows = []
    for name, run in params.gan.items():
        scores, training = scores_of(name, records) or {}, records.gan[name]["training"]
        rows.append(
            {
                **scores,
                **training,
                "run": name,
                "loss": LOSSES[run.loss],
                "critic": constraint(run),
                "data": params.data_label(run),
                "report_inception_score": claims.expected(name, "inception_score"),
                "report_fid": claims.expected(name, "distance"),
                "report_data": claims.data(name),
                "report_extractor": _given(claims, name).get("extractor"),
                "scored": scored(scores),
            }
        )
    beside = ("extractor", "samples", "splits", "rank_deficient", "report_data", "report_extractor")
    return pd.DataFrame(rows, columns=[*HEADINGS, *BESIDE, *beside, "critic_parameters"])


def _given(claims: Claims, run: str) -> Mapping[str, Any]:
    claim = claims.find(run, "distance")
    return claim.given if claim else {}


def scored(scores: Metrics) -> str:
    """Return with what features, from how many images and in how many splits `scores` were made."""
    if not scores:
        return NOT_SCORED
    return f"{scores['extractor']}, {scores['samples']} samples, {scores['splits']} splits"


def gan_markdown(table: pd.DataFrame) -> str:
    """Return the GAN table for readers."""
    return markdown(readable(table), headings(table, HEADINGS))


# ---- claims and metrics ----------------------------------------------------------------------------------


def gan_facts(params: Params, records: Records, trends: pd.DataFrame) -> dict[str, Facts]:
    """Return what claims may ask for of each GAN, and of those of JSD and W1 together as `gan`."""
    seen = {row["run"]: courses(row) for _, row in trends.iterrows()}
    facts = {}
    for name, run in params.gan.items():
        training = records.gan[name]["training"]
        settings = {"data": run.data, "steps": training["steps"], "epochs": run.epochs}
        losses = players(records.histories[name])
        facts[name] = Facts(settings, {**training, **seen.get(name, UNSEEN), "losses": losses})
    compared = [facts[name].settings for name, run in params.gan.items() if run.loss in ("jsd", "w1")]
    shared = {key: _shared(compared, key) for key in ("data", "steps")}
    return facts | {"gan": Facts(shared, {"tells_more": tells_more(trends)})}


def _shared(settings: list[Mapping[str, Any]], key: str) -> Any:
    values = {each[key] for each in settings}
    return values.pop() if len(values) == 1 else "several"


def players(history: pd.DataFrame) -> str:
    """Return whether train and valid losses stay close for both players, on average over the epochs."""
    if "valid_critic_loss" not in history:
        return "not validated"
    for player in ("critic", "generator"):
        train, valid = history[f"train_{player}_loss"], history[f"valid_{player}_loss"]
        if not (valid - train).abs().mean(skipna=False) <= CLOSE * train.abs().mean():  # a gap is apart
            return "apart"
    return "close"


def gan_metrics(params: Params, records: Records) -> dict[str, Any]:
    """Return what `dvc metrics` follows of each GAN, its scores aside."""
    return {
        name: {key: records.gan[name]["training"][key] for key in ("generator_parameters", *FOLLOWED)}
        for name in params.gan
    }


# ---- the page --------------------------------------------------------------------------------------------


def gan_section(params: Params, records: Records, table: pd.DataFrame, trends: pd.DataFrame) -> str:
    """Return the GANs' part of the page."""
    compared = any(
        run.loss in ("jsd", "w1") and len(records.evaluations[name]) for name, run in params.gan.items()
    )
    return SECTION.format(
        table=gan_markdown(table),
        note="".join(_notes(table)),
        overview=OVERVIEW if compared else "",
        final="\n".join(_image(run, "final.png", "32%") for run in params.gan),
        answer=_answer(trends),
        trends=trends_markdown(trends),
        figures="\n\n".join(_details(run, len(records.evaluations[run]) > 0) for run in params.gan),
    )


def _answer(trends: pd.DataFrame) -> str:
    found = strengths(trends)
    if len(found) < 2:
        return "Without scores on the way of runs of both JSD and W1, the question stays open."
    sizes = " and ".join(f"{size:.2f} under {loss}" for loss, size in sorted(found.items()))
    return f"The mean size of that of metric and distance is {sizes}: here {tells_more(trends)} tells more."


def _image(run: str, name: str, width: str) -> str:
    return f'<img src="figures/{run}/{name}" width="{width}" alt="{run}: {name.partition(".")[0]}">'


def _details(run: str, is_scored: bool) -> str:
    shown = [*FIGURES[1:], *(["progress.png"] if is_scored else [])]
    images = [
        _image(run, name, "360") if name.endswith(".gif") else f"![{run}: {name}](figures/{run}/{name})"
        for name in shown
    ]
    return DETAILS.format(run=run, images="\n".join(images), scores=", scores" if is_scored else "")


def _notes(table: pd.DataFrame) -> list[str]:
    """Return a paragraph for each way in which figures are not to be compared with the report's."""
    notes = []
    for what in ("data", "extractor"):
        other = [
            f"`{row['run']}`: {row[what]} (the report: {row[f'report_{what}']})"
            for _, row in table.iterrows()
            if isinstance(theirs := row[f"report_{what}"], str)
            and theirs != str(row[what]).removesuffix(COPY)
        ]
        if other:
            notes.append(
                f"\n\n**Not the report's {what}:** {'; '.join(other)}. Don't compare those figures with its."
            )
    deficient = table[table["rank_deficient"] == "yes"]["run"]
    if len(deficient):
        notes.append(f"\n\n**Too few images for a covariance of full rank:** {', '.join(deficient)}.")
    return notes
