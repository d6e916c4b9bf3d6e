"""Prepare one corpus: download it where need be, verify it, write it as words and indices."""

from typing import Annotated

import typer

from regen.artifacts import dataset_file, write_corpus
from regen.artifacts.paths import cache_dir
from regen.data.corpora import prepare_corpus
from regen.errors import InputError
from regen.params import read_params
from regen.params.mistakes import suggest
from regen.stage import run


def fetch_corpus(name: Annotated[str, typer.Argument(help="one of data.corpora in params.yaml")]) -> None:
    """Download a corpus unless it is here already, verify it, and write it as words and indices."""
    data = read_params().data
    if name not in data.corpora:
        hint = suggest(name, data.corpora)
        raise InputError(f"params.yaml: data.corpora: {name!r} is not among them; {hint}")
    corpus = prepare_corpus(name, data.mirror, cache_dir() / "downloads")
    write_corpus(dataset_file(name), corpus)


if __name__ == "__main__":
    run(fetch_corpus)
