"""The stage as a command, in a folder that has nothing but a params.yaml."""

import runpy
import sys
from pathlib import Path

import pytest
import yaml

from regen.artifacts.datasets import read_dataset

REPO = Path(__file__).parents[2]


@pytest.fixture
def fetch_data(monkeypatch, tmp_path, capsys):
    """Return a function that runs the stage and returns its exit code and stderr."""
    content = yaml.safe_load((REPO / "params.yaml").read_text())
    sets = sorted({*content["data"]["sets"], "digits", "mnist"} - {"binarized_mnist"})
    content["vae"] = {"l100": {**content["vae"]["l100"], "data": "digits"}}
    content["score"]["runs"] = {}
    monkeypatch.chdir(tmp_path)

    def run(*args, mirror=None):
        content["data"] |= {"sets": sets, "mirror": mirror}
        Path("params.yaml").write_text(yaml.safe_dump(content))
        monkeypatch.setattr(sys, "argv", ["fetch_data.py", *args])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "stages" / "fetch_data.py"), run_name="__main__")
        return caught.value.code or 0, capsys.readouterr().err

    return run


def test_digits_are_written_the_same_every_time(fetch_data):
    contents = set()
    for _ in range(4):
        assert fetch_data("digits") == (0, "")
        contents.add(Path("data/digits.safetensors").read_bytes())
    assert len(contents) == 1
    assert [path.name for path in Path("data").iterdir()] == ["digits.safetensors"]
    dataset = read_dataset(Path("data/digits.safetensors"))
    assert dataset.name == "digits"
    assert list(dataset.splits) == ["train", "valid", "test"]


def test_a_name_that_is_not_among_the_sets_is_refused(fetch_data):
    code, message = fetch_data("mnits")
    assert code == 2
    assert message.count("\n") == 1
    assert message.startswith("params.yaml: data.sets: 'mnits' is not among them; did you mean 'mnist'?")


def test_a_mirror_that_makes_no_sense_is_refused(fetch_data):
    code, message = fetch_data("mnist", mirror="ftp://host/")
    assert code == 2
    assert message.startswith("params.yaml: data.mirror: 'ftp://host/': ")


def test_a_failed_download_is_told_without_a_traceback(fetch_data, monkeypatch, mirror):
    monkeypatch.setattr("regen.data.prepare.list_mirrors", lambda *_: [mirror.url])
    code, message = fetch_data("mnist")
    assert code == 1
    assert message.startswith("train-images-idx3-ubyte: no mirror has this file\n  tried http://127.0.0.1:")
    assert "Traceback" not in message
    last = message.strip().splitlines()[-1]  # what `regen run` shows
    assert last.startswith("train-images-idx3-ubyte: cannot be downloaded; set data.mirror in params.yaml ")
    assert not Path("data/mnist.safetensors").exists()
