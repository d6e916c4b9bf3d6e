"""Prepare one data set: download it where need be, verify it, write it as images."""

from typing import Annotated

import typer

from regen.artifacts import dataset_file
from regen.artifacts.datasets import write_dataset
from regen.artifacts.paths import cache_dir
from regen.data.prepare import prepare_dataset
from regen.errors import InputError
from regen.params import read_params
from regen.params.mistakes import suggest
from regen.stage import run


def fetch_data(name: Annotated[str, typer.Argument(help="one of data.sets in params.yaml")]) -> None:
    """Download a data set unless it is here already, verify it, and write it as images."""
    data = read_params().data
    if name not in data.sets:
        raise InputError(f"params.yaml: data.sets: {name!r} is not among them; {suggest(name, data.sets)}")
    downloads = cache_dir() / "downloads"
    dataset = prepare_dataset(name, data.mirror, downloads, sha256=data.sha256.get(name))
    write_dataset(dataset_file(name), dataset)


if __name__ == "__main__":
    run(fetch_data)
