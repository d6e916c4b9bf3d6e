"""Preparation of a corpus by name: fetch its files, read its sentence pairs, and check them.

A new corpus needs an entry in the catalog and a reader here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from regen.artifacts.corpora import Corpus
from regen.artifacts.datasets import SPLITS
from regen.data.catalog import CORPORA, CorpusEntry
from regen.data.dates import dated_pairs
from regen.data.download import Transfer
from regen.data.fetch import fetch_files
from regen.data.mirrors import list_mirrors
from regen.data.pairs import SentencePair, as_corpus, read_pairs, without_repeats
from regen.errors import InputError

Paths = Mapping[str, Path]  # path of each file of the catalog, unpacked and verified
Reader = Callable[[Paths, CorpusEntry], dict[str, list[SentencePair]]]

MULTI30K = {"train": "train", "valid": "val", "test": "test_2016_flickr"}
"""Names of Multi30k's files by split, without the language."""


def prepare_corpus(
    name: str, mirror: str | None, downloads: Path, transfer: Transfer | None = None
) -> Corpus:
    """Prepare the corpus `name`, downloading it into `downloads` if needed.

    `mirror` is the value of data.mirror; it and REGEN_DATA_MIRROR are tried before the public mirrors. Pairs
    with a sentence that is also in a later split are dropped: three of Multi30k's training pairs.

    Raises:
        InputError: the mirror or the content of a file is invalid.
        RunError: no mirror has a file.
    """
    entry = CORPORA[name]
    mirrors = list_mirrors(mirror, entry.mirrors)
    paths = fetch_files(entry.files, mirrors, downloads, transfer or Transfer())
    splits = READERS[name](paths, entry)
    for split, size in zip(SPLITS, entry.sizes, strict=True):
        if (found := len(splits[split])) != size:
            raise InputError(f"{name}: {split}: the source holds {found:,} pairs, the catalog says {size:,}")
    kept = without_repeats(splits)
    dropped = sum(map(len, splits.values())) - sum(map(len, kept.values()))
    return as_corpus(name, kept, _source(entry, dropped))


def _source(entry: CorpusEntry, dropped: int) -> str:
    """Describe the origin of the sentences by checksums, which do not depend on the mirror."""
    checksums = ", ".join(f"{file.name} sha256:{file.sha256}" for file in entry.files)
    origin = f"downloaded: {checksums}" if checksums else "embedded: generated with Babel and num2words"
    return f"{origin}; dropped for a sentence of another split: {dropped}" if dropped else origin


def _dates(_: Paths, entry: CorpusEntry) -> dict[str, list[SentencePair]]:
    return dated_pairs(entry.sizes)


def _multi30k(paths: Paths, _: CorpusEntry) -> dict[str, list[SentencePair]]:
    return {split: read_pairs(paths[f"{stem}.en"], paths[f"{stem}.fr"]) for split, stem in MULTI30K.items()}


READERS: dict[str, Reader] = {"dates": _dates, "multi30k": _multi30k}
