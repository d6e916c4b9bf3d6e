"""What goes to nodes, and how what comes back is checked."""

import re
import subprocess
from pathlib import Path

import pytest

from regen.errors import RunError
from regen.pipeline.node import digest_of
from regen.pipeline.parcels import Contents, publish, require_inside, tracked_files, verified
from regen.pipeline.task import Task

TASK = Task("make", "make", (), (Path("a.txt"), Path("folder")), Path("log"))


def sent(**files):
    """Return honest outputs: `{path: content}` of each."""
    return {
        out: {path: (digest_of(data), data) for path, data in content.items()}
        for out, content in ({"a.txt": {".": b"a"}, "folder": {"x/y": b"y"}} | files).items()
    }


def test_what_a_node_sends_is_taken_when_it_is_right():
    taken = verified(TASK, sent())
    assert taken == {Path("a.txt"): {".": b"a"}, Path("folder"): {"x/y": b"y"}}


@pytest.mark.parametrize(
    ("outs", "line"),
    [
        (sent(**{"b.txt": {".": b"b"}}), "b.txt: sent by the node, but no output of make"),
        ({"folder": sent()["folder"]}, "a.txt: not made"),
        (sent(folder={"../a": b""}), "../a: sent by the node as an output below folder, which it is not"),
        (sent(folder={"/etc/a": b""}), "/etc/a: sent by the node as an output below folder"),
        (sent() | {"a.txt": {".": (digest_of(b"a"), b"b")}}, "a.txt: not the bytes that the node has hashed"),
        (sent() | {"a.txt": {".": b"b"}}, "make: its node has sent something unknown"),
        (sent() | {"a.txt": [1]}, "make: its node has sent something unknown"),
        (sent(**{"a.txt": {".": b"a", "b": b"b"}}), "a.txt: sent by the node as a file and a folder"),
    ],
)
def test_what_is_wrong_is_named_in_a_line(outs, line):
    with pytest.raises(RunError, match=re.escape(line)):
        verified(TASK, outs)


def test_dots_in_names_lead_nowhere():
    require_inside("a/..b/c..", "an output")


def test_outputs_replace_what_was_there(tmp_path):
    file, folder = tmp_path / "a.txt", tmp_path / "folder"
    folder.mkdir()
    (folder / "old").touch()
    publish({file: {".": b"a"}, folder: {"x/y": b"y"}, tmp_path / "new/empty": {}})
    assert (file.read_bytes(), (folder / "x/y").read_bytes()) == (b"a", b"y")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "folder", "new"]
    assert not (folder / "old").exists()
    assert (tmp_path / "new/empty").is_dir()


def test_nothing_is_published_where_one_cannot_be_written(tmp_path):
    (tmp_path / "blocked").touch()
    with pytest.raises(OSError, match="blocked"):
        publish({tmp_path / "a": {".": b"a"}, tmp_path / "blocked/b": {".": b"b"}})
    assert [path.name for path in tmp_path.iterdir()] == ["blocked"]


def test_each_content_is_offered_once(tmp_path):
    offered = []
    contents = Contents(offered.append)
    for name in "abc":
        (tmp_path / name).write_text("same")
        contents.add_file(tmp_path / name)
    assert offered == [b"same"]
    (tmp_path / "a").write_text("other")
    assert contents.add_file(tmp_path / "a") == digest_of(b"other")


def test_only_what_git_tracks_is_sent_and_equal_trees_are_equal_bytes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "made/b", "untracked"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    subprocess.run("git init --quiet && git add a made", shell=True, check=True)
    Path("a").write_text("changed")
    tree = tracked_files([Path("made")])
    assert b"changed" in tree
    assert b"made" not in tree
    assert b"untracked" not in tree
    Path("a").write_text("changed")
    assert tracked_files([Path("made")]) == tree


def test_a_folder_without_git_costs_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match=r"^git ls-files: fatal: not a git repository"):
        tracked_files([])
