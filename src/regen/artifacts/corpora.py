"""`Corpus`, sentence pairs with their vocabularies, and the file format it is stored in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regen.artifacts.datasets import SPLITS
from regen.artifacts.tensors import read_tensors, write_tensors
from regen.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

PAD, START, END, UNKNOWN = range(4)
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
"""First words of each vocabulary, by index."""


@dataclass(frozen=True)
class Pairs:
    """One split: N sentences and their translations.

    `source` (N, S) and `target` (N, T) int64 are indices of words; END follows the last word of a sentence,
    and PAD follows END. START is not stored. `sources` and `targets` are the same sentences in words, joined
    by single blanks, rare words included.

    `alignment` (N, T) int64 is the position of the source word that a target word translates, or -1 for none,
    as at END and PAD. `swapped` (N, T) bool marks words whose order differs from the source's. Both are None
    where the alignment is unknown.
    """

    source: Tensor
    target: Tensor
    sources: list[str]
    targets: list[str]
    alignment: Tensor | None = None
    swapped: Tensor | None = None


@dataclass(frozen=True)
class Corpus:
    """The splits of a corpus, its vocabularies by index, and its origin (`source`: embedded, or checksums).

    The vocabularies begin with SPECIAL; then come the words of the training sentences by falling frequency.
    """

    name: str
    splits: dict[str, Pairs]
    source_words: list[str]
    target_words: list[str]
    source: str


def write_corpus(path: Path, corpus: Corpus) -> None:
    """Publish a corpus as one safetensors file; texts are stored as UTF-8 bytes, one line per sentence."""
    tensors = {"source_words": _packed(corpus.source_words), "target_words": _packed(corpus.target_words)}
    for split, pairs in corpus.splits.items():
        tensors[f"{split}.source"] = pairs.source
        tensors[f"{split}.target"] = pairs.target
        tensors[f"{split}.sources"] = _packed(pairs.sources)
        tensors[f"{split}.targets"] = _packed(pairs.targets)
        if pairs.alignment is not None and pairs.swapped is not None:
            tensors[f"{split}.alignment"] = pairs.alignment
            tensors[f"{split}.swapped"] = pairs.swapped
    write_tensors(path, tensors, {"name": corpus.name, "source": corpus.source})


def read_corpus(path: Path) -> Corpus:
    """Read a corpus written by `write_corpus`.

    Raises:
        InputError: the file is absent, damaged, or not a corpus.
    """
    tensors, about = read_tensors(path)
    try:
        source_words, target_words = (_unpacked(tensors[f"{side}_words"]) for side in ("source", "target"))
        splits = {split: _pairs(tensors, split) for split in SPLITS}
        corpus = Corpus(about["name"], splits, source_words, target_words, about.get("source", "unknown"))
        _check(corpus)
    except (KeyError, ValueError) as error:  # ValueError: text that is not UTF-8, or what `_check` found
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        anew = f"make it anew: dvc repro --force fetch_corpus@{path.stem}"
        raise InputError(f"{path}: not a corpus ({reason}); {anew}") from None
    return corpus


def _pairs(tensors: Mapping[str, Tensor], split: str) -> Pairs:
    source, target, sources, targets = (
        tensors[f"{split}.{part}"] for part in ("source", "target", "sources", "targets")
    )
    alignment, swapped = (tensors.get(f"{split}.{part}") for part in ("alignment", "swapped"))
    return Pairs(source, target, _unpacked(sources), _unpacked(targets), alignment, swapped)


# ---- texts in tensors ------------------------------------------------------------------------------------


def _packed(lines: Sequence[str]) -> Tensor:
    """Lines of text as UTF-8 bytes (uint8)."""
    import torch  # takes seconds, and most stages read no text

    return torch.frombuffer(bytearray("\n".join(lines).encode()), dtype=torch.uint8)


def _unpacked(tensor: Tensor) -> list[str]:
    """Lines of text that `_packed` made a tensor of; ValueError if it is anything else."""
    if (str(tensor.dtype), tensor.ndim) != ("torch.uint8", 1):
        raise ValueError("a text is not stored as bytes")
    return tensor.numpy().tobytes().decode().split("\n")


# ---- checks ----------------------------------------------------------------------------------------------


def _check(corpus: Corpus) -> None:
    """Check types, shapes and ranges of all parts of a corpus; ValueError names what is wrong."""
    for side, words in (("source", corpus.source_words), ("target", corpus.target_words)):
        _require(tuple(words[: len(SPECIAL)]) == SPECIAL, f"the {side} words do not begin with {SPECIAL}")
        _require(len(set(words)) == len(words) > len(SPECIAL), f"the {side} words are none, or not distinct")
        for split, pairs in corpus.splits.items():
            whole = _are_sentences(getattr(pairs, side), getattr(pairs, f"{side}s"), len(words))
            _require(whole, f"the indices of {split}.{side} are damaged")
    for split, pairs in corpus.splits.items():
        _require(len(pairs.sources) == len(pairs.targets), f"{split} has sentences without a translation")
        _require(_is_aligned(pairs), f"the alignment of {split} is damaged")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _are_sentences(indices: Tensor, texts: list[str], words: int) -> bool:
    """Whether each row is one of the texts: its words, END, and nothing but PAD."""
    if (str(indices.dtype), indices.ndim, indices.shape[:1]) != ("torch.int64", 2, (len(texts),)):
        return False
    ends = indices == END
    after = ends.cumsum(1) > ends.long()  # END has been passed
    lengths = (~(ends | after)).sum(1).tolist()
    inside = indices.masked_fill(ends | after, UNKNOWN)
    return bool(
        lengths == [len(text.split(" ")) for text in texts]
        and ends.sum(1).eq(1).all()
        and indices[after].eq(PAD).all()
        and inside.ge(UNKNOWN).all()
        and inside.lt(words).all()
    )


def _is_aligned(pairs: Pairs) -> bool:
    """Whether the alignment is absent, or gives each word of the target a word of its source or none."""
    alignment, swapped, shape = pairs.alignment, pairs.swapped, pairs.target.shape
    if alignment is None or swapped is None:
        return alignment is swapped
    types = str(alignment.dtype), str(swapped.dtype)
    if types != ("torch.int64", "torch.bool") or not alignment.shape == swapped.shape == shape:
        return False
    words = pairs.source.gt(END).sum(1, keepdim=True)
    nowhere = pairs.target.le(END)  # END and PAD
    return bool(
        alignment.ge(-1).all() and (alignment < words).all() and alignment[nowhere].eq(-1).all()
    ) and not bool(swapped[nowhere].any())
