"""A trained translator on the test sentences: its measures, translations and attention maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from torch import Tensor

from regen.artifacts import PAD, AttentionMap, Corpus, Metrics, Pairs, metric
from regen.attention.decoding import Translations, sentence, translate, widened
from regen.attention.measures import (
    aligned_shares,
    by_length,
    diagonal_shares,
    followed,
    steps_to_level,
    text_scores,
)
from regen.attention.networks import Translator
from regen.attention.training import Sentences, evaluate
from regen.params import Translation

LISTED = 20
"""Translations that are listed beside their references."""


@dataclass(frozen=True)
class Evaluation:
    """What one seed of a translator does on the test sentences."""

    metrics: Metrics
    lengths: pd.DataFrame
    """BLEU by length of the source; see `measures.by_length`."""
    listed: pd.DataFrame
    """The first sentences: `source`, `reference`, `translation`."""
    maps: list[AttentionMap]
    """Attention on the first sentences; none without attention."""


def evaluate_on(
    corpus: Corpus, translator: Translator, settings: Translation, history: pd.DataFrame
) -> Evaluation:
    """Evaluate on the test sentences of `corpus`; `history` holds the learning curves of the same seed.

    All scores are of greedy decoding, but for those with `beam` in their names.
    """
    pairs = corpus.splits["test"]
    device = next(translator.parameters()).device
    found = translate(translator, pairs.source.to(device), 1, settings.max_length)
    texts = [sentence(words, corpus.target_words) for words in found.words]
    lengths = by_length(pairs.sources, texts, pairs.targets)
    quarters = zip(lengths["quarter"], lengths["bleu"], strict=True)
    held_out = evaluate(translator, Sentences.of(pairs).to(device))
    metrics = {
        "test_sentences": len(texts),
        "test_loss": metric(held_out["loss"]),
        "token_accuracy": held_out["accuracy"],
        **text_scores(texts, pairs.targets),
        **_beam_scores(corpus, translator, settings, found),
        **{f"bleu_quarter_{quarter}": bleu for quarter, bleu in quarters},
        "steps_to_level": steps_to_level(history, settings.level),
        **_attention_scores(translator, pairs, found),
    }
    columns = {"source": pairs.sources, "reference": pairs.targets, "translation": texts}
    listed = pd.DataFrame({name: column[:LISTED] for name, column in columns.items()})
    return Evaluation(metrics, lengths, listed, _maps(corpus, found, settings.shown))


def _beam_scores(
    corpus: Corpus, translator: Translator, settings: Translation, narrow: Translations
) -> dict[str, float]:
    """BLEU and chrF of beam search, beside the greedy translations `narrow`; none with a beam of 1."""
    if settings.beam == 1:
        return {}
    pairs, device = corpus.splits["test"], next(translator.parameters()).device
    found = widened(translator, pairs.source.to(device), narrow, settings.beam, settings.max_length)
    scores = text_scores([sentence(words, corpus.target_words) for words in found.words], pairs.targets)
    return {f"beam_{name}": float(scores[name]) for name in ("bleu", "chrf")}


def _attention_scores(translator: Translator, pairs: Pairs, found: Translations) -> dict[str, float | str]:
    """Shares of attention near the diagonal, and on the aligned words where they are known.

    The former are of the translator's own translations; the latter of the true ones, whose alignment is
    known, with teacher forcing.
    """
    if found.weights is None:
        return {}
    shares = diagonal_shares(found.weights.cpu(), pairs.source, found.words.cpu())
    scores: dict[str, float | str] = {"diagonal_share": shares.found, "even_diagonal_share": shares.even}
    if pairs.alignment is not None and pairs.swapped is not None:
        scores |= aligned_shares(followed(translator, pairs), pairs.alignment, pairs.swapped)
    return scores


def _maps(corpus: Corpus, found: Translations, count: int) -> list[AttentionMap]:
    """Attention on the first `count` test sentences: of `dates` all have swapped words, of others unknown."""
    if found.weights is None:
        return []
    pairs, swapped = corpus.splits["test"], corpus.splits["test"].swapped
    return [
        attention_map(
            corpus, pairs.source[i], found.words[i].cpu(), found.weights[i].cpu(), pairs.targets[i],
            _known(swapped[i], pairs.target[i], found.words[i].cpu()) if swapped is not None else None,
        )
        for i in range(min(count, len(pairs.source)))
    ]  # fmt: skip


def _known(swapped: Tensor, target: Tensor, words: Tensor) -> list[bool]:
    """Of each of `words` (T,), whether it is swapped: known where it is the true word of that position."""
    known = [False] * len(words)
    for at, (ours, theirs, is_swapped) in enumerate(zip(words, target, swapped, strict=False)):
        known[at] = bool(is_swapped) and bool(ours == theirs)
    return known


def attention_map(
    corpus: Corpus,
    source: Tensor,
    words: Tensor,
    weights: Tensor,
    reference: str = "",
    swapped: Sequence[bool] | None = None,
) -> AttentionMap:
    """Map of one sentence (S,), its translation (T,) and its `weights` (T, S), padding left out.

    Rare words of the source, which the translator sees as unknown, are shown as such.
    """
    columns, rows = int((source != PAD).sum()), int((words != PAD).sum())
    read = [corpus.source_words[i] for i in source[:columns].tolist()]
    written = [corpus.target_words[i] for i in words[:rows].tolist()]
    marks = [False] * rows if swapped is None else list(swapped[:rows])
    return AttentionMap(read, written, reference, weights[:rows, :columns].contiguous(), marks)
