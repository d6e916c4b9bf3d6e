"""The key of a checkpoint: of all that a result depends on, and of nothing else."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from regen.errors import InputError
from regen.training.checkpoint import _inputs, fingerprint
from regen.training.device import autocast
from regen.training.runs import Session

REPO = Path(__file__).parents[2]
CPU = torch.device("cpu")
PIPELINE = {
    "train": {
        "foreach": "${runs}",
        "do": {
            "deps": ["data/${item.data}.bin", "stages/train.py", "src/room"],
            "params": ["seed", "device", "runs.${key}"],
        },
    },
    "stack": {"foreach": "${layers}", "do": {"deps": ["stages/train.py"], "params": ["layers"]}},
}
PARAMS = {
    "seed": 1,
    "device": "cpu",
    "layers": [2, 8],
    "runs": {"a": {"data": "x", "rate": 1e-3, "seeds": [1, 2]}, "b": {"data": "y", "rate": 1e-3}},
}


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    """A pipeline in the working directory; returns a function that writes params.yaml with changes."""
    for file in ("data/x.bin", "data/y.bin", "stages/train.py", "src/room/one.py", "src/room/sub/two.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(file)
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": PIPELINE}))
    monkeypatch.chdir(tmp_path)

    def write(params=PARAMS):
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))

    write()
    return write


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("file", ["data/x.bin", "stages/train.py", "src/room/one.py", "src/room/sub/two.py"])
def test_the_key_is_of_every_file_that_the_stage_lists(file):
    key = fingerprint("train", "a", "cpu")
    before = Path(file).read_text()
    for content in (before + ".", before[:-1], ""):
        Path(file).write_text(content)
        assert fingerprint("train", "a", "cpu") != key
    Path(file).write_text(before)
    Path("data/y.bin").write_text("another run's")
    Path("src/room/__pycache__").mkdir()
    Path("src/room/__pycache__/one.pyc").write_text("compiled")
    assert fingerprint("train", "a", "cpu") == key


def test_the_key_is_of_the_settings_that_the_stage_lists(pipeline, monkeypatch):
    key = fingerprint("train", "a", "cpu", 1)
    run = PARAMS["runs"]["a"]
    for changed in (
        PARAMS | {"device": "auto"},
        PARAMS | {"runs": {"a": run | {"rate": 1.0000001e-3}}},
        PARAMS | {"runs": {"a": run | {"new": None}}},
    ):
        pipeline(changed)
        assert fingerprint("train", "a", "cpu", 1) != key
    for changed in (
        PARAMS | {"seed": 7, "layers": []},
        PARAMS | {"runs": {"a": run | {"seeds": [1, 2, 3]}}},
        PARAMS | {"runs": dict(reversed(PARAMS["runs"].items()))},
    ):
        pipeline(changed)
        assert fingerprint("train", "a", "cpu", 1) == key
    assert len({key, fingerprint("train", "a", "cuda", 1), fingerprint("train", "a", "cpu", 2)}) == 3
    monkeypatch.setattr(torch, "__version__", "3.0.0")
    assert fingerprint("train", "a", "cpu", 1) != key


@pytest.mark.usefixtures("pipeline")
def test_what_is_not_there_is_named():
    assert fingerprint("stack", "2") == fingerprint("stack", "8")
    with pytest.raises(InputError, match="no stage 'other'"):
        fingerprint("other", "a")
    Path("data/x.bin").unlink()
    with pytest.raises(InputError, match=r"^data/x\.bin: not there; "):
        fingerprint("train", "a")


@pytest.mark.parametrize(
    ("stage", "run"),
    [("train_vae", "l100"), ("train_gan", "uva_gan"), ("train_classifier", "digits"), ("train_planar", "2")],
)
def test_the_pipeline_s_own_stages_are_understood(stage, run):
    """And no checkpoint depends on what is measured or drawn after training."""
    with contextlib.chdir(REPO):
        deps, settings = _inputs(stage, run)
    assert all("$" not in text for text in (*map(str, deps), *settings))
    code = {str(dep) for dep in deps if dep.parts[0] == "src"}
    assert "src/regen/training" in code
    assert not code & {"src/regen/likelihood", "src/regen/figures", "src/regen/report", "src/regen/chapters"}


@pytest.mark.usefixtures("pipeline")
def test_what_auto_stands_for_is_part_of_the_key():
    """A run that goes on with another processor, which computes otherwise, begins anew."""
    sessions = [session(precision) for precision in ("float64", "bfloat16", "float64")]
    assert len({each.job(1).checkpoint.folder for each in sessions}) == 2


def session(precision="float64"):
    params = SimpleNamespace(training=SimpleNamespace(checkpoint_every=1))
    return Session.of("train", "a", "a", CPU, autocast(precision, CPU), params)


def test_seeds_that_come_later_have_the_key_of_the_settings_that_were_read(pipeline):
    begun = session()
    key = begun.job(1).checkpoint.folder.name.removeprefix("a-seed-1-")
    pipeline(PARAMS | {"runs": {"a": PARAMS["runs"]["a"] | {"rate": 5e-3}}})
    assert begun.job(2).checkpoint.folder.name == f"a-seed-2-{key}"
    assert session().job(2).checkpoint.folder.name != f"a-seed-2-{key}"
