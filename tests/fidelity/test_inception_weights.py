"""Where an Inception's weights come from, and what is said where they can't be had."""

import hashlib
import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml

from regen.data.catalog import RemoteFile
from regen.data.download import Transfer
from regen.errors import InputError
from regen.fidelity import weights
from regen.fidelity.weights import PRETRAINED, Pretrained, digest, find_weights
from regen.params.yaml_files import read_yaml

REPO = Path(__file__).parents[2]

HASTY = Transfer(timeout=0.3, attempts=1, backoff=0.01)
CONTENT = b"weights, to the bit"
NAME = "inception-torchvision"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Have CONTENT published as the weights of NAME where no server answers; return an empty mirror."""
    monkeypatch.setenv("REGEN_CACHE", str(tmp_path / "cache"))
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    monkeypatch.setenv("REGEN_DATA_MIRROR", str(mirror))
    file = RemoteFile("w.pth", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), ("w.pth",))
    monkeypatch.setitem(weights.PRETRAINED, NAME, Pretrained(file, "http://127.0.0.1:1/"))
    return mirror


def find(given=None):
    return find_weights(NAME, given, HASTY)


def test_a_file_is_taken_as_it_is(tmp_path):
    path = tmp_path / "other.pth"
    path.write_bytes(b"other weights")
    assert find(str(path)) == path
    assert digest(path) == hashlib.sha256(b"other weights").hexdigest()[:16]


def test_the_published_file_is_taken_from_the_mirror_and_kept(folder):
    (folder / "w.pth").write_bytes(CONTENT)
    path = find()
    assert path.read_bytes() == CONTENT
    (folder / "w.pth").unlink()
    assert find() == path


@pytest.mark.usefixtures("folder")
def test_it_may_be_put_where_the_message_says(tmp_path):
    with pytest.raises(InputError) as caught:
        find()
    path = type(tmp_path)(re.search(r"put it, with SHA-256 \w+, at (.*), or set", str(caught.value))[1])
    path.write_bytes(CONTENT)
    assert find() == path


@pytest.mark.parametrize("content", [None, b"other bytes"])
def test_where_it_cannot_be_had_file_checksum_and_ways_out_are_named(folder, content):
    if content:
        (folder / "w.pth").write_bytes(content)
    with pytest.raises(InputError) as caught:
        find()
    message = str(caught.value)
    assert "w.pth: no mirror has this file" in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    assert f"score.weights.{NAME} in params.yaml" in message
    assert "data.mirror" not in message
    assert not list(folder.parent.rglob("cache/**/w.pth"))


@pytest.mark.usefixtures("folder")
def test_a_url_that_does_not_answer_says_so():
    with pytest.raises(InputError, match=r"tried http://127\.0\.0\.1:9/"):
        find("http://127.0.0.1:9/other-name.pth")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("no/such.pth", f"score.weights.{NAME}: 'no/such.pth': no such file"),
        (".", "no such file"),
        ("s3://bucket/w.pth", "should be a file, or a URL"),
        ("https://host/folder/", "should be a file, or a URL"),
        ("https://host.pth", "should be a file, or a URL"),
        ("http://[::1/w.pth", "should be a file, or a URL"),
        ("http://host/\u00e9.pth", "should be a file, or a URL"),
        ("~no-such-user/w.pth", "not a file name"),
        ("x" * 5000, "not a file name"),
    ],
)
def test_what_is_neither_file_nor_url_is_named(given, says):
    with pytest.raises(InputError) as caught:
        find(given)
    assert says in str(caught.value)


@pytest.mark.parametrize("extractor", ["classifier", NAME])
def test_those_that_scores_ask_for_are_fetched_by_hand(extractor, monkeypatch, tmp_path, capsys):
    file = tmp_path / "own.pth"
    file.write_bytes(CONTENT)
    params = read_yaml(REPO / "params.yaml")
    params["score"] |= {"extractor": extractor, "weights": {NAME: str(file)}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fetch_weights.py"])
    with pytest.raises(SystemExit, match="0"):
        runpy.run_path(str(REPO / "stages/fetch_weights.py"), run_name="__main__")
    assert capsys.readouterr().out == (f"{file}\n" if extractor == NAME else "")


@pytest.mark.parametrize("name", PRETRAINED)
def test_names_hold_the_start_of_the_checksum(name):
    file = PRETRAINED[name].file
    assert len(file.sha256) == 64
    assert file.name.removesuffix(".pth").rpartition("-")[2] == file.sha256[:8]
