import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from regen.artifacts import SPECIAL, read_corpus, write_corpus
from regen.data.catalog import CORPORA, DATASETS, RemoteFile
from regen.data.corpora import READERS, prepare_corpus
from regen.data.pairs import SentencePair, as_corpus, read_pairs, without_repeats
from regen.errors import InputError, RunError

SHARED = Path(__file__).parents[3] / "shared" / "data" / "multi30k"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not on this machine")

FILES = {
    "train.en": "A dog.\nA man in white runs.\nA dog sleeps.\nSeen.\n",
    "train.fr": "Un chien.\nUn homme en blanc court.\nUn chien dort.\nVu.\n",
    "val.en": "A man sleeps.\nA cat.\n",
    "val.fr": "Un homme dort.\nUn chat.\n",
    "test_2016_flickr.en": "A man runs.\n",
    "test_2016_flickr.fr": "Un homme court.\n",
}


def test_every_corpus_has_a_reader_and_a_name_of_its_own():
    assert set(READERS) == set(CORPORA)
    assert not set(CORPORA) & set(DATASETS)  # their files lie in one folder


@pytest.fixture
def small(monkeypatch, mirror, gz):
    """Return a function that has the mirror serve a Multi30k of a few sentences, some files changed."""

    def serve(changes=None):
        contents = {name: text.encode() for name, text in FILES.items()} | (changes or {})
        mirror.files = {f"{name}.gz": gz(data) for name, data in contents.items()}
        files = tuple(
            RemoteFile(name, hashlib.sha256(data).hexdigest(), len(data), names=(f"{name}.gz", name))
            for name, data in contents.items()
        )
        sizes = tuple(contents[f"{stem}.en"].count(b"\n") for stem in ("train", "val", "test_2016_flickr"))
        entry = CORPORA["multi30k"]
        entry = replace(entry, sizes=sizes, files=files, mirrors=(mirror.url,))
        monkeypatch.setitem(CORPORA, "multi30k", entry)
        return entry

    return serve


def test_sentences_are_tokenised_and_counted(small, downloads, hasty):
    small()
    corpus = prepare_corpus("multi30k", None, downloads, hasty)
    train, valid, test = corpus.splits.values()
    assert corpus.source_words == [*SPECIAL, ".", "a", "dog"]
    assert corpus.target_words == [*SPECIAL, ".", "un", "chien"]
    assert train.sources == ["a dog .", "a man in white runs .", "a dog sleeps .", "seen ."]
    assert valid.targets == ["un homme dort .", "un chat ."]
    assert test.source.tolist() == [[5, 3, 3, 4, 2]]
    assert train.target[0].tolist() == [5, 6, 4, 2, 0, 0, 0]
    assert train.alignment is train.swapped is None


def test_a_rerun_needs_no_mirror_and_gives_the_same_bytes(small, mirror, downloads, hasty, tmp_path):
    small()
    contents = set()
    for own in (None, "/nowhere"):
        write_corpus(tmp_path / "c.safetensors", prepare_corpus("multi30k", own, downloads, hasty))
        contents.add((tmp_path / "c.safetensors").read_bytes())
    assert len(contents) == 1
    assert len(mirror.requests) == len(FILES)
    assert read_corpus(tmp_path / "c.safetensors").name == "multi30k"


def test_a_broken_download_is_resumed(small, mirror, downloads, hasty):
    small()
    mirror.behaviour["train.fr.gz"] = ["cut 20", "fine"]
    prepare_corpus("multi30k", None, downloads, hasty)
    assert [request.start for request in mirror.asked("train.fr.gz")] == [None, 20]


def test_other_bytes_are_not_taken(small, mirror, downloads, hasty):
    small()
    mirror.files["val.fr.gz"] = gzip.compress(b"Un homme sort.\nUn chat.\n")
    with pytest.raises(RunError, match=r"^val\.fr: no mirror has this file\n.*wrong bytes: SHA-256 expected"):
        prepare_corpus("multi30k", None, downloads, hasty)


def test_another_number_of_pairs_than_the_catalog_has(small, monkeypatch, downloads, hasty):
    monkeypatch.setitem(CORPORA, "multi30k", replace(small(), sizes=(4, 3, 1)))
    with pytest.raises(InputError, match=r"^multi30k: valid: the source holds 2 pairs, the catalog says 3$"):
        prepare_corpus("multi30k", None, downloads, hasty)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"val.fr": b"Un homme dort.\n\n"}, "val.fr: line 2: empty; allowed: a sentence on every line"),
        ({"val.en": b"A man sleeps.\n\xe9\n"}, "val.en: line 2: not UTF-8; allowed: text in UTF-8"),
        ({"val.fr": b"Un.\n"}, "val.fr: 1 lines; allowed: 2, as"),
        ({"train.en": b"A\nMAN\nIN\nWHITE\n"}, "multi30k: source of train: an empty vocabulary; allowed: "),
        (
            {"train.fr": b"Un\nHOMME\nEN\nBLANC\n"},
            "multi30k: target of train: an empty vocabulary; allowed: ",
        ),
    ],
)
def test_what_makes_no_corpus_is_told_in_one_line(small, downloads, hasty, changes, message):
    small(changes)
    with pytest.raises(InputError) as caught:
        prepare_corpus("multi30k", None, downloads, hasty)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# ---- no sentence in two splits ---------------------------------------------------------------------------


def pairs(*lines):
    """Return sentence pairs given as `source|target`, a letter a word."""
    return [SentencePair(*([*side] for side in line.split("|"))) for line in lines]


def test_a_sentence_of_a_later_split_is_dropped_from_the_earlier_ones():
    splits = {
        "train": pairs("a|A", "b|B", "b|x", "x|B", "c|C", "d|D", "a|A", "dd|D"),
        "valid": pairs("c|y", "d|D", "e|E"),
        "test": pairs("b|B", "z|y"),
    }
    assert without_repeats(splits) == {
        "train": pairs("a|A", "a|A"),  # a repetition within a split is kept
        "valid": pairs("d|D", "e|E"),
        "test": splits["test"],
    }


def test_the_order_of_the_splits_is_that_of_the_pipeline():
    splits = {"test": pairs("a|A"), "train": pairs("b|B"), "valid": pairs("c|C")}
    assert list(without_repeats(splits)) == ["train", "valid", "test"]


def test_dropped_pairs_are_told_with_the_source(small, downloads, hasty):
    small({"train.en": b"A dog.\nA man runs.\nA dog.\nA.\n"})
    corpus = prepare_corpus("multi30k", None, downloads, hasty)
    assert corpus.splits["train"].sources == ["a dog .", "a dog .", "a ."]
    assert corpus.source.endswith("; dropped for a sentence of another split: 1")


def test_alignment_of_some_is_alignment_of_none():
    known = SentencePair(["a"], ["A"], [0], [False])
    splits = {"train": [known, known], "valid": [known, replace(known, alignment=None)], "test": [known]}
    corpus = as_corpus("x", splits, "")
    assert corpus.splits["train"].alignment.tolist() == [[0, -1], [0, -1]]
    assert corpus.splits["train"].swapped.tolist() == [[False, False]] * 2
    assert corpus.splits["valid"].alignment is None


# ---- as published ----------------------------------------------------------------------------------------


@needs_shared
def test_small_multi30k_as_published(downloads):
    """Of the real files those of validation and test, which take a second."""
    splits = {}
    for split, stem in (("valid", "val"), ("test", "test_2016_flickr")):
        files = [file for file in CORPORA["multi30k"].files if file.name.startswith(stem)]
        paths = [downloads / file.name for file in files]
        for file, path in zip(files, paths, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.decompress((SHARED / f"{file.name}.gz").read_bytes()))
            assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
            assert path.stat().st_size == file.size
        splits[split] = read_pairs(*paths)
    assert [len(found) for found in splits.values()] == [1014, 1000]
    first = splits["valid"][0]
    assert " ".join(first.source) == "a group of men are loading cotton onto a truck"
    assert " ".join(first.target) == "un groupe d' hommes chargent du coton dans un camion"
    assert without_repeats({"train": splits["valid"], **splits})["train"] == []


@needs_shared
@pytest.mark.slow
def test_multi30k_as_published(downloads):
    corpus = prepare_corpus("multi30k", str(SHARED), downloads)
    assert [len(pairs.sources) for pairs in corpus.splits.values()] == [29_000 - 3, 1_014, 1_000]
    assert (len(corpus.source_words), len(corpus.target_words)) == (5_921, 6_481)
    assert corpus.source.endswith("; dropped for a sentence of another split: 3")
