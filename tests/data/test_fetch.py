"""Files come from one mirror or another, are checked, and are kept."""

import hashlib
import logging
import threading
from dataclasses import replace

import pytest

from data.fetching import fetch, leftovers
from regen.data.catalog import RemoteFile
from regen.data.download import CHUNK
from regen.data.fetch import _unpacked, fetch_files
from regen.errors import RunError


def test_content_arrives_and_is_not_asked_for_again(mirror, plain, content, downloads, hasty):
    mirror.files["set.bin"] = content
    path = fetch(plain, [mirror.url], downloads, hasty)
    assert path.read_bytes() == content
    assert fetch(plain, [mirror.url], downloads, hasty) == path
    assert len(mirror.requests) == 1
    assert leftovers(downloads) == []


def test_damaged_download_is_noticed_and_fetched_again(mirror, plain, content, downloads, hasty, caplog):
    mirror.files["set.bin"] = content
    path = fetch(plain, [mirror.url], downloads, hasty)
    path.write_bytes(content[:-1] + b"?")
    assert fetch(plain, [mirror.url], downloads, hasty).read_bytes() == content
    assert len(mirror.requests) == 2
    assert "damaged" in caplog.text


def test_another_version_of_a_file_does_not_pass_for_this_one(mirror, plain, content, downloads, hasty):
    mirror.files["set.bin"] = content
    old = fetch(plain, [mirror.url], downloads, hasty)
    mirror.files["set.bin"] = b"new"
    new = replace(plain, sha256=hashlib.sha256(b"new").hexdigest(), size=3)
    assert fetch(new, [mirror.url], downloads, hasty).read_bytes() == b"new"
    assert old.read_bytes() == content


@pytest.mark.parametrize("served", ["set.bin", "set.bin.gz"])
@pytest.mark.parametrize("usual", ["plain", "gzipped"])
def test_either_form_of_a_file_will_do(mirror, content, downloads, hasty, gz, request, usual, served):
    file = request.getfixturevalue(usual)
    mirror.files[served] = gz(content) if served.endswith(".gz") else content
    assert fetch(file, [mirror.url], downloads, hasty).read_bytes() == content


def test_a_server_that_unpacks_on_the_way_will_do(mirror, gzipped, content, downloads, hasty):
    mirror.files["set.bin.gz"] = content
    assert fetch(gzipped, [mirror.url], downloads, hasty).read_bytes() == content


def test_an_archive_is_not_unpacked(mirror, content, downloads, hasty, gz):
    packed = gz(content)
    file = RemoteFile("a.tar.gz", hashlib.sha256(packed).hexdigest(), len(packed), names=("a.tar.gz",))
    mirror.files["a.tar.gz"] = packed
    assert fetch(file, [mirror.url], downloads, hasty).read_bytes() == packed


def test_wrong_bytes_from_the_start_are_the_mirrors_fault(mirror, plain, content, downloads, hasty):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["wrong"]
    with pytest.raises(RunError, match=f"SHA-256 expected {plain.sha256}, got [0-9a-f]{{64}}"):
        fetch(plain, [mirror.url], downloads, hasty)
    assert len(mirror.requests) == 1
    assert leftovers(downloads) == []


def test_a_gzip_bomb_is_not_unpacked(mirror, gzipped, downloads, hasty, gz, monkeypatch):
    unpacked = []

    def counted(source, file):
        for chunk in _unpacked(source, file):
            unpacked.append(len(chunk))
            yield chunk

    monkeypatch.setattr("regen.data.fetch._unpacked", counted)
    mirror.files["set.bin.gz"] = gz(bytes(50_000_000))
    with pytest.raises(RunError, match=r"wrong bytes: more than the 300,000 expected"):
        fetch(gzipped, [mirror.url], downloads, hasty)
    assert sum(unpacked) <= gzipped.size + CHUNK
    assert leftovers(downloads) == []


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:50] + b"?" * 50 + data[100:]])
def test_a_damaged_gzip_file_is_wrong_bytes(mirror, gzipped, content, downloads, hasty, gz, damage):
    mirror.files["set.bin.gz"] = damage(gz(content))
    with pytest.raises(RunError, match="wrong bytes"):
        fetch(gzipped, [mirror.url], downloads, hasty)


def test_the_next_mirror_helps_out(
    new_mirror, plain, content, downloads, hasty, closed_url, tmp_path, caplog
):
    lying, good = new_mirror(), new_mirror()
    lying.files["set.bin"] = good.files["set.bin"] = content
    lying.behaviour["set.bin"] = ["wrong"]
    mirrors = [tmp_path / "nowhere", closed_url, lying.url, good.url]
    assert fetch(plain, mirrors, downloads, hasty).read_bytes() == content
    assert good.url in caplog.text
    assert "wrong bytes" in caplog.text
    assert "no such folder" in caplog.text


def test_mirrors_do_not_complete_each_others_parts(new_mirror, gzipped, content, downloads, hasty, gz):
    breaking, good = new_mirror(), new_mirror()
    breaking.files["set.bin.gz"] = gz(content)
    good.files["set.bin.gz"] = gz(content)
    breaking.behaviour["set.bin.gz"] = ["cut 1000", "cut 0"]
    assert fetch(gzipped, [breaking.url, good.url], downloads, hasty).read_bytes() == content
    assert [request.start for request in good.requests] == [None]
    assert leftovers(downloads) == []


def test_a_silent_mirror_is_asked_last_for_the_next_file(new_mirror, plain, content, downloads, hasty):
    silent, good = new_mirror(), new_mirror()
    other = replace(plain, name="other.bin", names=("other.bin",))
    for mirror in (silent, good):
        mirror.files = {"set.bin": content, "other.bin": content}
    silent.behaviour["set.bin"] = ["cut 0"]
    fetch_files([plain, other], [silent.url, good.url], downloads, hasty)
    assert silent.asked("other.bin") == []
    assert len(good.requests) == 2


def test_the_error_names_file_mirrors_reasons_and_ways_out(
    mirror, plain, content, downloads, hasty, closed_url, tmp_path
):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["wrong"]
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    with pytest.raises(RunError) as caught:
        fetch(plain, [tmp_path / "nowhere", lacking, closed_url, mirror.url], downloads, hasty)
    first, *tried, last = str(caught.value).splitlines()
    assert first.startswith("set.bin: ")
    for line, (where, why) in zip(
        tried,
        [
            (tmp_path / "nowhere", "no such folder"),
            (lacking, "set.bin: no such file; set.bin.gz: no such file"),
            (closed_url, "Connection refused"),
            (mirror.url, "wrong bytes"),
        ],
        strict=True,
    ):
        assert str(where) in line
        assert why in line
    assert last.startswith(
        "set.bin: cannot be downloaded; set data.mirror in params.yaml (or REGEN_DATA_MIRROR) "
    )
    assert last.endswith(": cp profiles/quick.yaml params.yaml")


@pytest.mark.parametrize("name", ["set.bin", "set.bin.gz"])
def test_a_folder_is_a_mirror(plain, content, downloads, hasty, gz, tmp_path, name):
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / name).write_bytes(gz(content) if name.endswith(".gz") else content)
    before = (folder / name).read_bytes()
    path = fetch(plain, [folder], downloads, hasty)
    assert path.read_bytes() == content
    assert (folder / name).read_bytes() == before


def test_wrong_bytes_in_a_folder_are_named(plain, downloads, hasty, tmp_path):
    (tmp_path / "set.bin").write_bytes(b"wrong")
    with pytest.raises(RunError, match=r"wrong bytes: .* \(5 bytes\)"):
        fetch(plain, [tmp_path], downloads, hasty)


def test_a_folder_that_cannot_be_written_is_named(plain, hasty, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match=r"cannot keep set\.bin there: Not a directory; REGEN_CACHE"):
        fetch(plain, [tmp_path], tmp_path / "file" / "downloads", hasty)


def test_nothing_is_published_before_it_is_whole(mirror, plain, content, downloads, hasty, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    mirror.files["set.bin"] = content
    monkeypatch.setattr("regen.data.fetch.publish", fail)
    with pytest.raises(RunError, match="No space left on device"):
        fetch(plain, [mirror.url], downloads, hasty)
    assert list(downloads.rglob("set.bin")) == []


def test_many_at_once_download_once(mirror, plain, content, downloads, hasty, caplog):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["stall 1000", "fine"]  # long enough for the others to arrive
    got = []
    threads = [
        threading.Thread(target=lambda: got.append(fetch(plain, [mirror.url], downloads, hasty).read_bytes()))
        for _ in range(4)
    ]
    with caplog.at_level(logging.WARNING):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert got == [content] * 4
    assert sum(request.sent for request in mirror.requests) == len(content)
    assert "another process is fetching it" in caplog.text
