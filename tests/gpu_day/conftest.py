"""A tiny day whose stages run in this process, but for what is to be stopped."""

import os
import runpy
import shutil
import sys
from contextlib import chdir
from unittest import mock

import pytest

from benchmarks.gpu_day import measure, process
from benchmarks.gpu_day.profile import read_profile
from benchmarks.gpu_day.record import Record
from benchmarks.gpu_day.slice import Slice
from gpu_day.small import tiny_day

run_outside = process.run


def run_inside(command, folder, env, log, is_over):  # noqa: ARG001  as process.run
    """Run a stage in this process, which has its libraries loaded and one thread; it cannot be stopped."""
    with mock.patch.dict(os.environ, env), mock.patch.object(sys, "argv", command[1:]), chdir(folder):
        try:
            runpy.run_path(command[1], run_name="__main__")
        except SystemExit as ended:
            return ended.code or 0
    raise AssertionError("a stage ends its process")


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """Return a folder for days, where nothing of the user's is read or written."""
    root = tmp_path_factory.mktemp("day")
    with mock.patch.dict(os.environ, {"REGEN_CACHE": str(root / "cache")}):
        yield root


@pytest.fixture(scope="session")
def profile(place):
    return read_profile(tiny_day(place / "profile"))


@pytest.fixture(scope="session")
def whole(place, profile):
    """Return the record of a day in one slice."""
    record = Record(place / "whole")
    with mock.patch.object(process, "run", run_inside), mock.patch.dict(os.environ):
        assert measure.main(record.root, profile.path, 1) == 0
        assert Slice(record, profile, 10).run() == 0
    return record


@pytest.fixture
def inside(monkeypatch, place):
    monkeypatch.setattr(process, "run", run_inside)
    monkeypatch.setenv("REGEN_CACHE", str(place / "cache"))


def carried(record, root, without=()):
    """Return the record of a bare machine that was given what `record` holds, but the steps `without`."""
    results = record.read()
    shutil.copytree(record.parts, root / "parts")
    other = Record(root)
    shutil.copy(record.file, other.file)
    other.set("steps", {name: step for name, step in results["steps"].items() if name not in without})
    return other
