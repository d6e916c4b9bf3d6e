import pickle
from pathlib import Path

import pytest
import torch

from regen.errors import InputError, RunError
from regen.training.checkpoint import Checkpoint, rng_state, set_rng_state

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
