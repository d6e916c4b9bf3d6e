"""The translators' chapter: scores, translations with and without attention, and what the report says."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from regen import artifacts
from regen.artifacts import Metrics
from regen.chapters.shared import read_each
from regen.chapters.translators import Record, findings, twin
from regen.params import Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import Facts
from regen.report.columns import Column, frame, hidden

COLUMNS = (
    *map(Column, ("run", "data", "attention", "teacher_forcing", "epochs", "seeds")),
    *hidden("parameters", "train_pairs", "too_long_pairs", "test_sentences", "valid_loss"),
    Column("test_loss", "test loss, nats per word", digits=3, better="lower"),
    Column("token_accuracy", "right words", digits=3, better="higher"),
    Column("bleu", "BLEU", digits=1, better="higher"),
    Column("beam_bleu", "BLEU, beam", digits=1, better="higher"),
    Column("chrf", "chrF", digits=1, better="higher"),
    Column("exact", "exact", digits=3, better="higher"),
    Column("diagonal_share", "near the diagonal", digits=3),
    Column("even_diagonal_share", "(spread evenly)", digits=3),
    Column("aligned_share", "on the aligned word", digits=3, better="higher"),
    Column("aligned_share_swapped", "where words swap", digits=3, better="higher"),
    Column("aligned_share_rest", "elsewhere", digits=3, better="higher"),
    Column("steps_to_level", "steps to the level", better="lower"),
    *hidden("bleu_signature", "chrf_signature"),
)
FOLLOWED = ("test_loss", "token_accuracy", "bleu", "chrf", "exact", "diagonal_share", "aligned_share")
KINDS = {"additive": "additive", "none": "without"}
LISTED = 6
"""Sentences whose translations the book shows; the CSV file has all that were kept."""
TRANSLATIONS = (*map(Column, ("run", "source", "reference", "with_attention", "without_attention")),)


def chapter(params: Params) -> Chapter:
    """Translators of `params`; InputError names a record that is absent."""
    runs = params.attention
    training, tested = read_each(runs, "training"), read_each(runs, "translation")
    scores = {name: {**training[name], **tested[name]} for name in runs}
    records = {name: record(name) for name in runs}
    found = {name: findings(name, params, records) for name in runs}
    table, translations = runs_table(params, scores), translations_table(params)
    return Chapter(
        tables=[table, translations],
        facts={
            name: Facts(
                {"data": run.data, "epochs": run.epochs},
                {**scores[name], **{key: each.word for key, each in found[name].items()}},
                {key: each.told for key, each in found[name].items()},
            )
            for name, run in runs.items()
        },
        metrics={name: {key: each[key] for key in FOLLOWED if key in each} for name, each in tested.items()},
        trained=list(runs),
    )


def record(name: str) -> Record:
    """What is recorded of a run, seed by seed; InputError names a table that is absent."""
    return Record(
        scores=artifacts.read_csv(artifacts.seeds_file(name)).set_index("seed"),
        lengths=artifacts.read_csv(artifacts.lengths_file(name)),
        history=artifacts.read_csv(artifacts.translator_history_file(name)),
    )


def runs_table(params: Params, scores: Mapping[str, Metrics]) -> Table:
    """One row a translator; the book has the columns that some translator fills."""
    rows = []
    for name, run in params.attention.items():
        settings = {
            "data": run.data,
            "attention": KINDS[run.attention],
            "teacher_forcing": run.teacher_forcing,
        }
        rows.append({"seeds": 1, **scores[name], "run": name, **settings})
    data = frame(rows, COLUMNS)
    return Table("attention", data, [column for column in COLUMNS if data[column.key].notna().any()])


def translations_table(params: Params) -> Table:
    """Test sentences as each run with attention translates them, and as its twin without does."""
    parts = []
    for name, run in params.attention.items():
        other = twin(params, name, attention="none")
        if run.attention != "none" and other:
            ours, theirs = (
                artifacts.read_csv(artifacts.translations_table_file(each)) for each in (name, other)
            )
            columns = {"with_attention": ours["translation"], "without_attention": theirs["translation"]}
            parts.append(ours[["source", "reference"]].assign(run=name, **columns))
    names = [column.key for column in TRANSLATIONS]
    data = pd.concat(parts)[names] if parts else pd.DataFrame(columns=names)
    shown = data.groupby("run", sort=False).head(LISTED).fillna("")
    shown_columns = TRANSLATIONS if len(parts) > 1 else TRANSLATIONS[1:]
    return Table("translations", data, shown_columns, shown, empty="No two runs differ in attention alone.")
