"""Text as words and as indices of words: tokeniser, vocabularies, lines of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Literal

import torch
from sacremoses import MosesPunctNormalizer, MosesTokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from regen.artifacts.corpora import END, PAD, SPECIAL, UNKNOWN
from regen.errors import InputError

Language = Literal["en", "fr"]

MIN_COUNT = 2  # occurrences in the training sentences, from which on a word is in the vocabulary


def tokenised(sentence: str, language: Language) -> list[str]:
    """Words and punctuation marks of a sentence in lower case.

    As in Multi30k's own preparation: lower case, then Moses' normalisation of quotes and apostrophes, then
    Moses' tokeniser, here without its escapes such as `&apos;`. Hyphenated words stay whole.
    """
    normaliser, tokeniser = _moses(language)
    words: list[str] = tokeniser.tokenize(normaliser.normalize(sentence.lower()), escape=False)
    return words


@cache
def _moses(language: Language) -> tuple[MosesPunctNormalizer, MosesTokenizer]:
    return MosesPunctNormalizer(language), MosesTokenizer(language)


def vocabulary(sentences: Iterable[Sequence[str]], what: str, least: int = MIN_COUNT) -> list[str]:
    """SPECIAL, then the words that occur at least `least` times, by falling frequency, ties alphabetically.

    Raises:
        InputError: there is no such word; the message starts with `what`.
    """
    counts = Counter(chain.from_iterable(sentences))
    frequent = [word for word, count in counts.items() if count >= least]
    if not frequent:
        raise InputError(f"{what}: an empty vocabulary; allowed: words that occur at least {least} times")
    return [*SPECIAL, *sorted(frequent, key=lambda word: (-counts[word], word))]


def encoded(sentences: Sequence[Sequence[str]], words: Sequence[str]) -> Tensor:
    """Indices of sentences in the vocabulary `words`: (N, S) int64, END after the last word, then PAD."""
    index = {word: position for position, word in enumerate(words)}
    rows = [torch.tensor([*(index.get(word, UNKNOWN) for word in sentence), END]) for sentence in sentences]
    return pad_sequence(rows, batch_first=True, padding_value=PAD)


def read_sentences(path: Path, language: Language) -> list[list[str]]:
    """Read a UTF-8 text file of one sentence per line, tokenised.

    Raises:
        InputError: the file cannot be read, is not UTF-8, or has a line without a word.
    """
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line}: not UTF-8; allowed: text in UTF-8") from None
    sentences = [tokenised(line, language) for line in text.removesuffix("\n").split("\n")]
    if [] in sentences:
        line = sentences.index([]) + 1
        raise InputError(f"{path}: line {line}: empty; allowed: a sentence on every line")
    return sentences
