import contextlib
import json
import pickle
from pathlib import Path

import pytest
import torch
import yaml

from regen.errors import InputError, RunError
from regen.training.checkpoint import Checkpoint, fingerprint, rng_state, set_rng_state, sources

REPO = Path(__file__).parents[2]
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


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match=r"cannot be written.*REGEN_CACHE"):
        Checkpoint(tmp_path / "file" / "folder").save(STATE)


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


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / name for name in ("a.py", "b.py", "data.bin")]
    for i, path in enumerate(paths):
        path.write_bytes(bytes([i]) * 10)
    return paths


SETTINGS = {"run": {"latent": 20, "encoder": [300, 300], "rate": 1e-3}, "seed": 1, "device": "cpu"}


def test_a_fingerprint_has_no_order(files):
    key = fingerprint(SETTINGS, files)
    turned = json.loads(json.dumps(dict(reversed(SETTINGS.items()))))
    turned["run"] = dict(reversed(turned["run"].items()))
    assert list(turned["run"]) != list(SETTINGS["run"])
    assert fingerprint(turned, files) == key
    assert fingerprint(SETTINGS, reversed(files)) == key
    assert fingerprint(SETTINGS, iter(files)) == key


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"device": "cuda"},
        {"run": SETTINGS["run"] | {"latent": 21}},
        {"run": SETTINGS["run"] | {"encoder": [300, 301]}},
        {"run": SETTINGS["run"] | {"rate": 1.0000001e-3}},
        {"precision": "tf32"},
    ],
    ids=str,
)
def test_a_fingerprint_changes_with_every_setting(files, change):
    assert fingerprint(SETTINGS | change, files) != fingerprint(SETTINGS, files)


def test_a_fingerprint_is_of_any_plain_data(files):
    kinds = [None, True, 1, 1.5, "1", [], {}, ["1"], [1, 2], [2, 1], [[1], 2], [SETTINGS, "cpu", "auto"]]
    assert len({fingerprint(settings, files) for settings in kinds}) == len(kinds)
    assert fingerprint([SETTINGS, "cpu"], files) == fingerprint((dict(SETTINGS), "cpu"), files)


def test_a_fingerprint_of_anything_else_is_refused(files):
    """Not by its name or place in memory: the next process would not find its checkpoint."""
    with pytest.raises(TypeError):
        fingerprint([SETTINGS, torch.device("cpu")], files)


def test_a_fingerprint_changes_with_every_file(files):
    key = fingerprint(SETTINGS, files)
    seen = {key, fingerprint(SETTINGS, files[:2]), fingerprint(SETTINGS, [])}
    for path in files:
        before = path.read_bytes()
        for content in (before + b"\0", before[:-1], b""):
            path.write_bytes(content)
            seen.add(fingerprint(SETTINGS, files))
        path.write_bytes(before)
    assert len(seen) == 3 + 9
    assert fingerprint(SETTINGS, files) == key


def test_a_byte_that_moves_to_the_next_file_is_noticed(files):
    key = fingerprint(SETTINGS, files)
    files[0].write_bytes(files[0].read_bytes() + b"\1")
    files[1].write_bytes(files[1].read_bytes()[1:])
    assert fingerprint(SETTINGS, files) != key


def test_a_fingerprint_changes_with_torch(files, monkeypatch):
    key = fingerprint(SETTINGS, files)
    monkeypatch.setattr(torch, "__version__", "3.0.0")
    assert fingerprint(SETTINGS, files) != key


def test_a_checkpoint_depends_on_the_code_of_its_stage(tmp_path):
    (tmp_path / "src/room/sub").mkdir(parents=True)
    for name in ("one.py", "two.py", "sub/three.py", "text.txt"):
        (tmp_path / "src/room" / name).touch()
    deps = ["data/${key}.safetensors", "stages/train.py", "src/room", "src/alone.py"]
    stages = {"train": {"foreach": "${runs}", "do": {"deps": deps}}, "plain": {"deps": ["src/alone.py"]}}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    with contextlib.chdir(tmp_path):
        room = {f"src/room/{name}" for name in ("one.py", "two.py", "sub/three.py")}
        assert {*map(str, sources("train"))} == room | {"stages/train.py", "src/alone.py"}
        assert {*map(str, sources("plain"))} == {"src/alone.py"}
        with pytest.raises(InputError, match="no stage 'other'"):
            sources("other")


def test_no_checkpoint_depends_on_what_is_measured_after_training():
    with contextlib.chdir(REPO):
        code = {*map(str, sources("train_vae"))}
    assert "src/regen/vae/networks.py" in code
    assert "src/regen/vae/likelihood.py" not in code
