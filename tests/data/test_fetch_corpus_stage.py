"""The stage as a command, in a folder that has nothing but a params.yaml."""

import hashlib
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from regen.artifacts import read_corpus
from regen.data.catalog import CORPORA, RemoteFile

REPO = Path(__file__).parents[2]
STEMS = ("train", "val", "test_2016_flickr")


@pytest.fixture
def fetch_corpus(monkeypatch, tmp_path, capsys):
    """Return a function that runs the stage and returns its exit code and stderr."""
    content = yaml.safe_load((REPO / "params.yaml").read_text())
    content["data"]["corpora"] = ["dates", "multi30k"]
    monkeypatch.chdir(tmp_path)

    def run(*args, mirror=None):
        content["data"]["mirror"] = mirror
        Path("params.yaml").write_text(yaml.safe_dump(content))
        monkeypatch.setattr(sys, "argv", ["fetch_corpus.py", *args])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "stages" / "fetch_corpus.py"), run_name="__main__")
        return caught.value.code or 0, capsys.readouterr().err

    return run


@pytest.fixture
def own_files(monkeypatch, tmp_path):
    """Return a function that lays out a mirror of files with these contents, and has them in the catalog."""

    def lay_out(**contents):
        (tmp_path / "mirror").mkdir()
        files = []
        for stem in STEMS:
            for language in ("en", "fr"):
                name, data = f"{stem}.{language}", contents.get(f"{stem}_{language}", b"one\none\n")
                (tmp_path / "mirror" / name).write_bytes(data)
                files.append(RemoteFile(name, hashlib.sha256(data).hexdigest(), len(data), (name,)))
        entry = replace(CORPORA["multi30k"], sizes=(2, 2, 2), files=tuple(files), mirrors=())
        monkeypatch.setitem(CORPORA, "multi30k", entry)
        return str(tmp_path / "mirror")

    return lay_out


def test_dates_are_written_the_same_every_time(fetch_corpus):
    contents = set()
    for _ in range(2):
        assert fetch_corpus("dates") == (0, "")
        contents.add(Path("data/dates.safetensors").read_bytes())
    assert len(contents) == 1
    assert [path.name for path in Path("data").iterdir()] == ["dates.safetensors"]
    corpus = read_corpus(Path("data/dates.safetensors"))
    assert corpus.name == "dates"
    assert [len(pairs.source) for pairs in corpus.splits.values()] == [8000, 1000, 1000]


def test_a_name_that_is_not_among_the_corpora_is_refused(fetch_corpus):
    code, message = fetch_corpus("mutli30k")
    assert code == 2
    assert message.count("\n") == 1
    assert message.startswith(
        "params.yaml: data.corpora: 'mutli30k' is not among them; did you mean 'multi30k'?"
    )


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        ({"val_fr": b"un\n\n"}, "val.fr: line 2: empty; "),
        ({"val_fr": b"un\n"}, "val.fr: 1 lines; allowed: 2, as "),
        ({"train_en": b"\xe9t\xe9\none\n"}, "train.en: line 1: not UTF-8; "),
        ({"train_en": b"two\nonce\n"}, "multi30k: source of train: an empty vocabulary; "),
    ],
)
def test_a_file_that_makes_no_corpus_ends_the_stage_with_one_line(fetch_corpus, own_files, contents, said):
    apart = {"test_2016_flickr_en": b"x\ny\n", "test_2016_flickr_fr": b"x\ny\n"}
    apart |= {"val_en": b"v\nw\n", "val_fr": b"v\nw\n"}
    code, message = fetch_corpus("multi30k", mirror=own_files(**(apart | contents)))
    assert code == 2
    assert message.count("\n") == 1
    assert said in message
    assert not Path("data/multi30k.safetensors").exists()


def test_a_failed_download_is_told_without_a_traceback(fetch_corpus, own_files):
    mirror = own_files()
    (Path(mirror) / "train.fr").unlink()
    code, message = fetch_corpus("multi30k", mirror=mirror)
    assert code == 1
    assert message.startswith("train.fr: no mirror has this file\n")
    assert "Traceback" not in message
    assert not Path("data/multi30k.safetensors").exists()
