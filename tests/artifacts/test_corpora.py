from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from regen.artifacts import (
    END,
    PAD,
    SPECIAL,
    START,
    UNKNOWN,
    Corpus,
    Pairs,
    read_corpus,
    write_corpus,
    write_tensors,
)
from regen.errors import InputError

A, B = len(SPECIAL), len(SPECIAL) + 1  # indices of two words
ALIGNED = Pairs(
    source=torch.tensor([[A, B, END], [UNKNOWN, END, PAD]]),
    target=torch.tensor([[B, A, A, END], [A, END, PAD, PAD]]),
    sources=["one two", "rare"],
    targets=["deux un un", "un"],
    alignment=torch.tensor([[1, 0, -1, -1], [0, -1, -1, -1]]),
    swapped=torch.tensor([[True, True, False, False], [False] * 4]),
)
PLAIN = replace(ALIGNED, alignment=None, swapped=None)
WORDS = [*SPECIAL, "one", "two"], [*SPECIAL, "un", "à"]


def corpus(pairs=ALIGNED, source_words=WORDS[0], target_words=WORDS[1]):
    splits = {
        "train": deepcopy(pairs),
        "valid": deepcopy(PLAIN),
        "test": deepcopy(ALIGNED),
    }  # no memory is shared
    return Corpus("small", splits, source_words, target_words, "embedded")


def same(one, other):
    return one is other is None or torch.equal(one, other)


@pytest.mark.parametrize("pairs", [ALIGNED, PLAIN], ids=["aligned", "plain"])
def test_a_corpus_comes_back(tmp_path, pairs):
    written = corpus(pairs)
    write_corpus(tmp_path / "small.safetensors", written)
    read = read_corpus(tmp_path / "small.safetensors")
    words = (read.name, read.source, read.source_words, read.target_words)
    assert words == ("small", "embedded", *WORDS)
    assert list(read.splits) == ["train", "valid", "test"]
    for split, back in read.splits.items():
        there = written.splits[split]
        assert (back.sources, back.targets) == (there.sources, there.targets)
        for part in ("source", "target", "alignment", "swapped"):
            assert same(getattr(back, part), getattr(there, part)), part


def test_equal_content_has_equal_bytes(tmp_path):
    contents = set()
    for _ in range(10):
        write_corpus(tmp_path / "small.safetensors", corpus())
        contents.add((tmp_path / "small.safetensors").read_bytes())
    assert len(contents) == 1


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_corpus(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: not a corpus (")
    assert message.endswith(f"); make it anew: dvc repro --force fetch_corpus@{path.stem}")
    assert "\n" not in message
    return message


def at(tensor, row, column, value):
    changed = tensor.clone()
    changed[row, column] = value
    return changed


INDICES = {
    "another type": ALIGNED.source.int(),
    "floats": ALIGNED.source.double(),
    "a number": ALIGNED.source[0, 0],
    "one dimension": ALIGNED.source[0],
    "three dimensions": ALIGNED.source[None],
    "a row less": ALIGNED.source[:1],
    "a word less": at(ALIGNED.source, 0, 1, END),
    "beyond the vocabulary": at(ALIGNED.source, 0, 0, len(WORDS[0])),
    "2^62": at(ALIGNED.source, 0, 0, 2**62),
    "negative": at(ALIGNED.source, 0, 0, -1),
    "padding within": at(ALIGNED.source, 0, 0, PAD),
    "start within": at(ALIGNED.source, 0, 0, START),
    "no end": at(ALIGNED.source, 0, 2, A),
    "two ends": at(ALIGNED.source, 1, 2, END),
    "a word after the end": at(ALIGNED.source, 1, 2, A),
    "no columns": ALIGNED.source[:, :0],
}


@pytest.mark.parametrize("source", INDICES.values(), ids=INDICES)
def test_indices_that_are_no_sentences(tmp_path, source):
    path = tmp_path / "small.safetensors"
    write_corpus(path, corpus(replace(ALIGNED, source=source)))
    assert "(the indices of train.source are damaged)" in refusal(path)


ALIGNMENTS = {
    "another type": {"alignment": ALIGNED.alignment.int()},
    "another shape": {"alignment": ALIGNED.alignment[:, :3]},
    "beyond the sentence": {"alignment": at(ALIGNED.alignment, 1, 0, 1)},
    "below -1": {"alignment": at(ALIGNED.alignment, 0, 0, -2)},
    "an end aligned": {"alignment": at(ALIGNED.alignment, 0, 3, 0)},
    "padding aligned": {"alignment": at(ALIGNED.alignment, 1, 3, 0)},
    "swapped of another type": {"swapped": ALIGNED.swapped.long()},
    "swapped of another shape": {"swapped": ALIGNED.swapped[:1]},
    "padding swapped": {"swapped": at(ALIGNED.swapped, 1, 2, True)},
}


@pytest.mark.parametrize("parts", ALIGNMENTS.values(), ids=ALIGNMENTS)
def test_alignments_that_are_none(tmp_path, parts):
    path = tmp_path / "small.safetensors"
    write_corpus(path, corpus(replace(ALIGNED, **parts)))
    assert "(the alignment of train is damaged)" in refusal(path)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (list(SPECIAL), "the source words are none, or not distinct"),
        ([*SPECIAL, "one", "one"], "the source words are none, or not distinct"),
        (["one", "two"], "the source words do not begin with"),
        ([*reversed(SPECIAL), "one", "two"], "the source words do not begin with"),
    ],
)
def test_vocabularies_that_are_none(tmp_path, words, reason):
    path = tmp_path / "small.safetensors"
    write_corpus(path, corpus(source_words=words))
    assert reason in refusal(path)


def test_sentences_without_a_translation(tmp_path):
    path = tmp_path / "small.safetensors"
    fewer = replace(PLAIN, target=PLAIN.target[:1], targets=PLAIN.targets[:1])
    write_corpus(path, corpus(fewer))
    assert "(train has sentences without a translation)" in refusal(path)


@pytest.fixture
def parts(monkeypatch, tmp_path):
    """Return the tensors of a corpus as they are written, and their metadata."""
    written = []
    monkeypatch.setattr("regen.artifacts.corpora.write_tensors", lambda *args: written.append(args))
    write_corpus(tmp_path / "small.safetensors", corpus())
    ((path, tensors, about),) = written
    return path, tensors, about


TEXTS = {
    "not UTF-8": torch.tensor([0xFF, 0xFE], dtype=torch.uint8),
    "numbers": torch.arange(7),
    "one byte": torch.tensor(65, dtype=torch.uint8),
    "two dimensions": torch.zeros(2, 2, dtype=torch.uint8),
    "nothing": torch.zeros(0, dtype=torch.uint8),
}


@pytest.mark.parametrize("name", ["source_words", "target_words", "valid.sources", "test.targets"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_that_are_none(parts, name, text):
    path, tensors, about = parts
    write_tensors(path, {**tensors, name: text}, about)
    refusal(path)


def test_parts_that_are_absent_are_named(parts):
    path, tensors, about = parts
    for name in tensors.keys() - {"valid.alignment", "valid.swapped"}:
        write_tensors(path, {key: tensor for key, tensor in tensors.items() if key != name}, about)
        if name.endswith((".alignment", ".swapped")):
            assert f"(the alignment of {name.partition('.')[0]} is damaged)" in refusal(path)
        else:
            assert f"(it lacks '{name}')" in refusal(path)
    write_tensors(path, tensors, {})
    assert "(it lacks 'name')" in refusal(path)
