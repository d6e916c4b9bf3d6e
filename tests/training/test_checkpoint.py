import contextlib
import pickle
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

from regen.errors import InputError, RunError
from regen.training.checkpoint import Checkpoint, _inputs, fingerprint, rng_state, set_rng_state
from regen.training.device import autocast
from regen.training.runs import Session

REPO = Path(__file__).parents[2]
CPU = torch.device("cpu")
STATE = {
    "parts": {
        "model": {"weight": torch.arange(5000.0)},
        "optimizer": {"state": {0: {"step": 3.0}}, "lr": [0.1]},
    },
    "history": [{"epoch": 1, "loss": 0.1 + 0.2}],
}


class Bomb:
    """Unpickling this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def checkpoint(monkeypatch, tmp_path):
    monkeypatch.setenv("REGEN_CACHE", str(tmp_path))
    return Checkpoint.of("l100", "0123")


@pytest.fixture
def saved(checkpoint):
    checkpoint.save(STATE)
    return checkpoint


def assert_last_good(checkpoint):
    state = checkpoint.load()
    assert torch.equal(state["parts"]["model"].pop("weight"), STATE["parts"]["model"]["weight"])
    assert state["history"] == STATE["history"]
    assert state["parts"]["optimizer"] == STATE["parts"]["optimizer"]
    assert [path.name for path in checkpoint.folder.iterdir()] == [checkpoint.path.name]


def test_a_state_comes_back_as_it_was(saved):
    assert_last_good(saved)


def test_it_lies_in_the_cache_under_run_and_key(saved, tmp_path):
    assert tmp_path in saved.folder.parents
    assert saved != Checkpoint.of("l100", "0124") != Checkpoint.of("l101", "0124")
    assert saved == Checkpoint.of("l100", "0123")


def test_nothing_saved_is_no_error(checkpoint):
    assert checkpoint.load() is None
    checkpoint.remove()


def test_removed_is_gone(saved):
    saved.remove()
    assert saved.load() is None
    assert not saved.folder.exists()


def test_what_somebody_else_removes_once_it_is_recorded_stays(saved, monkeypatch, tmp_path):
    published = tmp_path / "train.published"
    monkeypatch.setenv("REGEN_PUBLISHED", str(published))
    saved.remove()
    Checkpoint.of("l101", "0124").remove()
    assert_last_good(saved)
    assert published.read_text().split() == ["l100-0123", "l101-0124"]
    monkeypatch.setenv("REGEN_PUBLISHED", str(tmp_path))
    with pytest.raises(RunError, match=f"{tmp_path}: not written"):
        saved.remove()


def test_what_another_clone_removes_meanwhile_is_saved_again(saved, monkeypatch):
    torch_save, calls = torch.save, []

    def removed_once(state, part):
        calls.append(part)
        if len(calls) == 1:
            saved.remove()
        torch_save(state, part)

    monkeypatch.setattr(torch, "save", removed_once)
    saved.save(STATE)
    assert len(calls) == 2
    assert saved.load()["history"] == STATE["history"]


def test_a_later_state_takes_the_place_of_the_last(saved):
    saved.save({"history": [1, 2]})
    assert saved.load() == {"history": [1, 2]}


@pytest.mark.parametrize("keep", [0, 1, 100, 3000, -1000, -10])
def test_a_truncated_file_is_named(saved, keep):
    saved.path.write_bytes(saved.path.read_bytes()[:keep])
    with pytest.raises(InputError) as caught:
        saved.load()
    assert str(caught.value).startswith(f"{saved.path}: damaged checkpoint (")
    assert "\n" not in str(caught.value)
    assert "remove it" in str(caught.value)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_flipped_bit_is_noticed(saved, share):
    content = bytearray(saved.path.read_bytes())
    content[int(share * len(content))] ^= 0x10
    saved.path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged checkpoint"):
        saved.load()


@pytest.mark.parametrize(
    "content", [b"\0" * 5000, b"PK\3\4" + b"\0" * 99, b"\x80\2}q\0.", b"not a checkpoint"]
)
def test_any_other_file_is_named(saved, content):
    saved.path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        saved.load()
    assert str(caught.value).startswith(f"{saved.path}: damaged checkpoint (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("write", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state))])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(saved, tmp_path, write):
    mark = tmp_path / "exploded"
    write({"history": [Bomb(mark)]}, saved.path)
    with pytest.raises(InputError, match=r"damaged checkpoint"):
        saved.load()
    assert not mark.exists()
    torch.load(saved.path, weights_only=False) if write is torch.save else pickle.loads(
        saved.path.read_bytes()
    )
    assert mark.exists()  # it would have


def test_a_state_that_cannot_be_saved_leaves_the_last(saved):
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        saved.save({"parts": torch.arange(9000.0), "history": lambda: None})
    assert_last_good(saved)


def test_a_disk_that_fills_up_leaves_the_last(saved, monkeypatch):
    def write_half(_state, path):
        Path(path).write_bytes(saved.path.read_bytes()[:2000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", write_half)
    with pytest.raises(RunError, match=r"No space left.*REGEN_CACHE"):
        saved.save({"history": []})
    monkeypatch.undo()
    assert_last_good(saved)


def test_a_cache_that_cannot_be_written_is_named_and_holds_none(tmp_path):
    (tmp_path / "file").write_text("in the way")
    checkpoint = Checkpoint(tmp_path / "file" / "folder")
    assert checkpoint.load() is None
    with pytest.raises(RunError, match=r"not writable: .*name another REGEN_CACHE"):
        checkpoint.save(STATE)


def test_a_half_written_file_of_a_killed_process_is_no_checkpoint(checkpoint):
    checkpoint.folder.mkdir(parents=True)
    (checkpoint.folder / ".state.pt.abc.part").write_bytes(b"PK")
    assert checkpoint.load() is None
    checkpoint.save(STATE)
    checkpoint.remove()
    assert not checkpoint.folder.exists()


def test_the_random_stream_goes_on_where_it_was(saved):
    torch.manual_seed(5)
    saved.save({"rng": rng_state(torch.device("cpu"))})
    expected = torch.rand(10)
    torch.rand(3)
    set_rng_state(saved.load()["rng"], torch.device("cpu"))
    assert torch.equal(torch.rand(10), expected)


# ---- the key ---------------------------------------------------------------------------------------------

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
