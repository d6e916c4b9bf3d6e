"""Sentence pairs: reading two files, keeping splits apart, conversion to a `Corpus`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from regen.artifacts.corpora import Corpus, Pairs
from regen.artifacts.datasets import SPLITS
from regen.data.text import encoded, read_sentences, vocabulary
from regen.errors import InputError


@dataclass(frozen=True)
class SentencePair:
    """The words of a sentence and of its translation.

    `alignment` is the position of the source word that each target word translates, `swapped` whether its
    order differs from the source's. Both are None where the alignment is unknown.
    """

    source: list[str]
    target: list[str]
    alignment: list[int] | None = None
    swapped: list[bool] | None = None


def read_pairs(english: Path, french: Path) -> list[SentencePair]:
    """Read and tokenise two files that translate each other line by line.

    Raises:
        InputError: a file is not UTF-8 or has a line without a word, or they differ in the number of lines.
    """
    sources, targets = read_sentences(english, "en"), read_sentences(french, "fr")
    if len(sources) != len(targets):
        raise InputError(f"{french}: {len(targets):,} lines; allowed: {len(sources):,}, as {english} has")
    return [SentencePair(*sentences) for sentences in zip(sources, targets, strict=True)]


def without_repeats(splits: Mapping[str, list[SentencePair]]) -> dict[str, list[SentencePair]]:
    """Drop from each split the pairs of which the source or the target sentence is in a later split too."""
    kept: dict[str, list[SentencePair]] = {}
    sources: set[tuple[str, ...]] = set()
    targets: set[tuple[str, ...]] = set()
    for split in reversed(SPLITS):
        pairs = splits[split]
        kept[split] = [
            pair for pair in pairs if tuple(pair.source) not in sources and tuple(pair.target) not in targets
        ]
        sources.update(tuple(pair.source) for pair in pairs)
        targets.update(tuple(pair.target) for pair in pairs)
    return {split: kept[split] for split in SPLITS}


def as_corpus(name: str, splits: Mapping[str, list[SentencePair]], source: str) -> Corpus:
    """Replace words by indices in vocabularies of the training sentences.

    Raises:
        InputError: a vocabulary is empty.
    """
    train = splits["train"]
    source_words = vocabulary([pair.source for pair in train], f"{name}: source of train")
    target_words = vocabulary([pair.target for pair in train], f"{name}: target of train")
    pairs = {split: _pairs(each, source_words, target_words) for split, each in splits.items()}
    return Corpus(name, pairs, source_words, target_words, source)


def _pairs(pairs: list[SentencePair], source_words: Sequence[str], target_words: Sequence[str]) -> Pairs:
    sources, targets = [pair.source for pair in pairs], [pair.target for pair in pairs]
    return Pairs(
        source=encoded(sources, source_words),
        target=encoded(targets, target_words),
        sources=[" ".join(words) for words in sources],
        targets=[" ".join(words) for words in targets],
        alignment=_padded([pair.alignment for pair in pairs], end=-1),
        swapped=_padded([pair.swapped for pair in pairs], end=False),
    )


def _padded(rows: Sequence[Sequence[int] | None], end: int) -> Tensor | None:
    """Rows of a value per target word, with `end` at END and PAD; None if one of them is."""
    tensors = [torch.tensor([*row, end]) for row in rows if row is not None]
    if len(tensors) < len(rows):
        return None
    return pad_sequence(tensors, batch_first=True, padding_value=end)
