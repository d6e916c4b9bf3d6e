"""The translators' chapter: scores, translations with and without attention, and what the report says."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from regen import artifacts
from regen.artifacts import Metrics
from regen.chapters.shared import read_each, seeds_note
from regen.chapters.translators import Found, findings, twin
from regen.params import Params
from regen.report.chapter import Chapter, Table
from regen.report.claims import Claims, Facts
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
"""Sentences on the page whose translations are shown; the CSV file has all that were kept."""
TRANSLATIONS = (*map(Column, ("run", "source", "reference", "with_attention", "without_attention")),)

SECTION = """\
## Translation with attention

Recurrent networks (GRU) that translate English into French, with additive attention (Bahdanau et al., 2015)
or with the encoder's last state alone.

{table}

All scores are of the test sentences, decoded greedily{beam}. Loss and right words: step by step against the
true translation, after the decoder's own words. BLEU and chrF: by sacrebleu, `{bleu}` and `{chrf}`, of
lower-case words. Exact: share of translations that equal the reference. Steps to the level: until the
validation loss, taken after each epoch, is at most {level:g}. The rest are shares of the attention: at most
one word from the straight line between the first and the last words of both sentences (beside it, what
attention spread evenly would have there){aligned}.{note}

![Validation loss of the translators](figures/attention/learning_curves.png)

![BLEU by the length of the source](figures/attention/bleu_by_length.png)

The first test sentences, translated by the first seed:

{translations}

### What the report says of attention and of teacher forcing

{findings}

{figures}
"""
BEAM = ", or with a beam of {} where said"
ALIGNED = """, and on the word that a
French word translates, which is known of these data, where words swap and elsewhere"""
FINDINGS = """\
The report has no attention maps and no figures of its own. What it says is judged on `{run}`, trained on
`{data}`, and on the runs that differ from it in one setting. A difference counts if it is above two standard
errors over the seeds.
"""
DETAILS = """\
<details>
<summary><code>{run}</code>: {shown}</summary>

{images}

</details>"""


def chapter(params: Params, claims: Claims) -> Chapter:
    """Translators of `params`; InputError names a record that is absent."""
    runs = params.attention
    training, tested = read_each(runs, "training"), read_each(runs, "translation")
    scores = {name: {**training[name], **tested[name]} for name in runs}
    lengths = {name: artifacts.read_csv(artifacts.lengths_file(name)) for name in runs}
    curves = {name: artifacts.read_csv(artifacts.translator_history_file(name)) for name in runs}
    found = {name: findings(name, params, scores, lengths, curves[name]) for name in runs}
    table, translations = runs_table(params, scores), translations_table(params)
    return Chapter(
        section=_section(params, scores, table, translations, _told(params, claims, found)),
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


def runs_table(params: Params, scores: Mapping[str, Metrics]) -> Table:
    """One row a translator; the page has the columns that some translator fills."""
    rows = []
    for name, run in params.attention.items():
        settings = {
            "data": run.data,
            "attention": KINDS[run.attention],
            "teacher_forcing": run.teacher_forcing,
        }
        rows.append({"seeds": 1, **scores[name], "run": name, **settings})
    data = frame(rows, COLUMNS)
    return Table.of("attention", data, [column for column in COLUMNS if data[column.key].notna().any()])


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
    return Table.of(
        "translations", data, shown_columns, shown, empty="No two runs differ in attention alone."
    )


# ---- the page --------------------------------------------------------------------------------------------


def _section(
    params: Params, scores: Mapping[str, Metrics], table: Table, translations: Table, told: str
) -> str:
    return SECTION.format(
        table=table.text,
        bleu=_signatures(scores, "bleu"),
        chrf=_signatures(scores, "chrf"),
        beam=BEAM.format(params.translation.beam) if table.data["beam_bleu"].notna().any() else "",
        aligned=ALIGNED if table.data["aligned_share"].notna().any() else "",
        level=params.translation.level,
        note=seeds_note(scores),
        translations=translations.text,
        findings=told,
        figures="\n\n".join(
            _details(name, run.attention != "none") for name, run in params.attention.items()
        ),
    )


def _signatures(scores: Mapping[str, Metrics], kind: str) -> str:
    return ", ".join(dict.fromkeys(str(found[f"{kind}_signature"]) for found in scores.values()))


def _told(params: Params, claims: Claims, found: Mapping[str, Mapping[str, Found]]) -> str:
    """What is found of those runs of which the report claims something, against what it claims."""
    parts = []
    for name, each in found.items():
        said = {key: claims.expected(name, key) for key in each}
        lines = [f"- {one.told} {one.against(said[key])}" for key, one in each.items() if said[key]]
        if lines:
            intro = FINDINGS.format(run=name, data=params.attention[name].data)
            parts.append("\n".join([intro, *lines]))
    return "\n\n".join(parts) or "The report says nothing of these runs."


def _details(run: str, attends: bool) -> str:
    shown = ["attention", "learning_curves"] if attends else ["learning_curves"]
    return DETAILS.format(
        run=run,
        shown=" and ".join(
            "attention on test sentences" if each == "attention" else "curves" for each in shown
        ),
        images="\n".join(f"![{run}: {name}](figures/{run}/{name}.png)" for name in shown),
    )
