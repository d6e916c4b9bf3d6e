import re

import pytest

from regen.data.catalog import CORPORA, DATASETS

ENTRIES = DATASETS | CORPORA
FILES = [file for entry in ENTRIES.values() for file in entry.files]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_file_has_a_checksum_a_size_and_its_names(file):
    assert re.fullmatch("[0-9a-f]{64}", file.sha256)
    assert file.size > 0
    assert set(file.names) <= {file.name, f"{file.name}.gz"}


def test_files_are_told_apart():
    assert len({file.sha256 for file in FILES}) == len({file.name for file in FILES}) == len(FILES)


@pytest.mark.parametrize("name", ENTRIES)
def test_what_is_downloaded_has_mirrors(name):
    entry = ENTRIES[name]
    assert bool(entry.files) == bool(entry.mirrors)
    assert all(re.match("https?://.*/$", mirror) for mirror in entry.mirrors)
