"""`AttentionMap`, where a translator looked in one sentence, and the file format that maps are stored in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from regen.artifacts.tensors import read_tensors, write_tensors
from regen.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class AttentionMap:
    """A sentence of S words, its translation of T words, and the attention between them.

    END, which both may have as their last word, is a word of its own here.
    """

    source: list[str]
    translation: list[str]
    reference: str
    weights: Tensor
    """(T, S)."""
    swapped: list[bool]
    """Of each word of the translation, whether it is known to be in another order than in the source."""


def write_maps(path: Path, maps: Sequence[AttentionMap]) -> None:
    """Publish maps as one safetensors file."""
    weights = {f"{number}.weights": each.weights for number, each in enumerate(maps)}
    words = {
        f"{number}.words": json.dumps([each.source, each.translation, each.reference, each.swapped])
        for number, each in enumerate(maps)
    }
    write_tensors(path, weights, words)


def read_maps(path: Path) -> list[AttentionMap]:
    """Read maps in the order in which they were written; none of a translator without attention.

    Raises:
        InputError: the file is absent, damaged, or holds something else.
    """
    tensors, about = read_tensors(path)
    try:
        return [_map(json.loads(about[f"{number}.words"]), tensors, number) for number in range(len(about))]
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: no attention maps ({error!r}); run the stage that makes them") from None


def _map(words: list[object], tensors: dict[str, Tensor], number: int) -> AttentionMap:
    """Map of that number; ValueError where words and weights differ in number."""
    source, translation, reference, swapped = words
    weights = tensors[f"{number}.weights"]
    if not isinstance(source, list) or not isinstance(translation, list) or not isinstance(swapped, list):
        raise TypeError("its words should be lists")
    if tuple(weights.shape) != (len(translation), len(source)) or len(swapped) != len(translation):
        raise ValueError("words and weights differ in number")
    return AttentionMap(source, translation, str(reference), weights, swapped)
