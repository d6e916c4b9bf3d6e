"""Connections that break, stall or send what was not asked for."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from data.fetching import fetch, leftovers
from regen.data.download import Transfer
from regen.errors import RunError
from waiting import wait_for


@pytest.mark.parametrize("fault", ["cut 100000", "stall 100000"])
def test_a_broken_connection_is_resumed(mirror, plain, content, downloads, hasty, fault):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = [fault, fault, "fine"]
    assert fetch(plain, [mirror.url], downloads, hasty).read_bytes() == content
    assert [request.start for request in mirror.requests] == [None, 100_000, 200_000]
    wait_for(lambda: sum(request.sent for request in mirror.requests) == len(content))  # it counts afterwards


def test_a_gzipped_file_is_resumed_too(mirror, gzipped, content, downloads, hasty, gz):
    mirror.files["set.bin.gz"] = gz(content)
    mirror.behaviour["set.bin.gz"] = ["cut 1000", "fine"]
    assert fetch(gzipped, [mirror.url], downloads, hasty).read_bytes() == content
    wait_for(lambda: sum(request.sent for request in mirror.requests) == len(mirror.files["set.bin.gz"]))


def test_a_line_that_breaks_often_gets_there(mirror, plain, content, downloads, hasty):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["cut 20000"] * 20
    patient = replace(hasty, attempts=2, progress=10_000)
    assert fetch(plain, [mirror.url], downloads, patient).read_bytes() == content


def test_a_server_that_always_breaks_at_once_is_given_up(mirror, plain, content, downloads, hasty):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["cut 0"]
    with pytest.raises(RunError, match=r"connection closed after 0 of 300,000 bytes"):
        fetch(plain, [mirror.url], downloads, hasty)
    assert len(mirror.requests) == hasty.attempts


def test_a_server_that_ignores_range_starts_over(mirror, plain, content, downloads, hasty):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["cut 100000", "ignore range"]
    assert fetch(plain, [mirror.url], downloads, hasty).read_bytes() == content
    assert [request.start for request in mirror.requests] == [None, 100_000]


@pytest.mark.parametrize("refusal", [416, "shifted"])
def test_a_server_that_cannot_resume_starts_over(mirror, plain, content, downloads, hasty, refusal):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["cut 100000", refusal, "fine"]
    assert fetch(plain, [mirror.url], downloads, hasty).read_bytes() == content
    assert [request.start for request in mirror.requests] == [None, 100_000, None]


def test_a_resumed_file_with_wrong_bytes_is_fetched_once_from_the_start(
    mirror, plain, content, downloads, hasty
):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["cut 100000", "wrong", "fine"]
    assert fetch(plain, [mirror.url], downloads, hasty).read_bytes() == content
    assert [request.start for request in mirror.requests] == [None, 100_000, None]


def test_a_body_of_unknown_length_is_judged_by_its_checksum(mirror, plain, content, downloads, hasty):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["no length"]
    assert fetch(plain, [mirror.url], downloads, hasty).read_bytes() == content


def test_too_many_bytes_are_cut_short(mirror, plain, content, downloads, hasty):
    mirror.files["set.bin"] = content * 20
    with pytest.raises(RunError, match="wrong bytes: more than the 307,096 that the file can have"):
        fetch(plain, [mirror.url], downloads, hasty)


def test_a_stalling_server_ends_as_an_error_in_time(mirror, plain, content, downloads, hasty, stopwatch):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["stall 10", "stall 0"]
    with pytest.raises(RunError, match=r"no bytes for 0\.3 s \(the last of 3 attempts\)"):
        fetch(plain, [mirror.url], downloads, hasty)
    assert stopwatch() < 3


def test_a_busy_server_is_asked_again_after_a_growing_wait(
    mirror, plain, content, downloads, hasty, monkeypatch
):
    waits = []
    monkeypatch.setattr("regen.data.download.time.sleep", waits.append)
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = [503, 500, 429, "fine"]
    patient = replace(hasty, attempts=4)
    assert fetch(plain, [mirror.url], downloads, patient).read_bytes() == content
    assert waits == [0.01, 0.02, 0.04]


@pytest.mark.parametrize("status", [404, 403, 410])
def test_a_missing_file_is_not_asked_for_again(mirror, plain, content, downloads, hasty, status):
    mirror.files = {"set.bin": content, "set.bin.gz": content}
    mirror.behaviour = {"set.bin": [status], "set.bin.gz": [status]}
    with pytest.raises(RunError, match=f"set.bin: {status} .*; set.bin.gz: {status}"):
        fetch(plain, [mirror.url], downloads, hasty)
    assert len(mirror.requests) == 2


@pytest.mark.parametrize("host", ["a" * 64, "a..b"])
def test_what_is_no_name_of_a_host_is_not_asked_again(mirror, plain, content, downloads, hasty, host):
    message = r"^set\.bin: no mirror .*\n  tried http://a.*: a part of the host's name is empty, or has more "
    with pytest.raises(RunError, match=message):
        fetch(plain, [f"http://{host}/"], downloads, hasty)
    mirror.files["set.bin"] = content
    assert fetch(plain, [f"http://{host}/", mirror.url], downloads, hasty).read_bytes() == content


@pytest.mark.slow
def test_a_killed_download_leaves_nothing_half_written_and_is_resumed(
    mirror, plain, content, downloads, hasty
):
    mirror.files["set.bin"] = content
    mirror.behaviour["set.bin"] = ["stall 100000", "fine"]
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, repr(plain), mirror.url, str(downloads)], env=os.environ
    )
    wait_for(lambda: any(part.stat().st_size == 100_000 for part in downloads.rglob("*.part")))
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert list(downloads.rglob("set.bin")) == []

    assert fetch(plain, [mirror.url], downloads, hasty).read_bytes() == content
    assert [request.start for request in mirror.requests] == [None, 100_000]
    assert leftovers(downloads) == []


_CHILD = """
import sys
from pathlib import Path
from regen.data.catalog import RemoteFile
from regen.data.download import Transfer
from regen.data.fetch import fetch_files
fetch_files([eval(sys.argv[1])], [sys.argv[2]], Path(sys.argv[3]), Transfer(timeout=60))
"""


def test_the_defaults_give_up_within_minutes():
    transfer = Transfer()
    waits = sum(transfer.backoff * 2**k for k in range(transfer.attempts - 1))
    assert transfer.attempts * transfer.timeout + waits < 60
