"""The command's options: bad ones are told in one line, before any work."""

import runpy
import sys

import pytest
import yaml

from benchmarks.gpu_day.profile import PAPER, read_profile
from gpu_day.small import tiny_day


@pytest.fixture
def command(monkeypatch, capfd, tmp_path):
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["gpu_day", *map(str, args)])
        with pytest.raises(SystemExit) as caught:
            runpy.run_module("benchmarks.gpu_day", run_name="__main__")
        return caught.value.code or 0, capfd.readouterr().err

    return run


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "--out, --merge: allowed: exactly one of the two"),
        (("--out", "day", "--merge", "day"), "--out, --merge: allowed: exactly one of the two"),
        (("--out", "day", "--minutes", "0"), "--minutes: 0: allowed: more than 0.42, which a slice needs"),
        (("--out", "day", "--minutes", "-3"), "--minutes: -3: allowed: more than 0.42"),
        (("--out", "day", "--minutes", "nan"), "--minutes: nan: allowed: more than 0.42"),
        (("--out", "file"), "--out: file: is or lies in a file; allowed: a folder"),
        (("--out", "file/day"), "--out: file/day: is or lies in a file; allowed: a folder"),
        (
            ("--out", "day", "--profile", "none.yaml"),
            "--profile: none.yaml: no such file; allowed: a file like",
        ),
        (("--merge", "file"), "--merge: file: is or lies in a file"),
        (("--merge", "day"), "--merge: "),
    ],
)
def test_a_bad_option_is_told_in_one_line_before_any_work(command, tmp_path, args, message):
    (tmp_path / "file").touch()
    code, told = command(*args)
    assert (code, told.count("\n")) == (2, 1)
    assert told.startswith(message)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("runs", ["cifar10_w1_4"], "runs: 'cifar10_w1_4': no such run; did you mean 'cifar10_w1_3'?"),
        ("runs", [], "runs: []: "),
        ("optional", ["other"], "optional: 'other': no such run; allowed: cifar10_w1_3"),
        ("minutes", 3, "minutes: unknown key; "),
        ("reserve", 0, "reserve: 0: should be greater than 0"),
        ("params", "none.yaml", "none.yaml: cannot be read"),
    ],
)
def test_a_mistake_in_a_profile_is_told_in_one_line(command, tmp_path, key, value, message):
    path = tiny_day(tmp_path / "profile", **{key: value})
    code, told = command("--out", "day", "--profile", path)
    assert (code, told.count("\n")) == (2, 1)
    assert message in told
    assert not (tmp_path / "day").exists()


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("mps", "params.yaml: device: 'mps': not on this machine; allowed: auto, cpu\n"),
        ("auto", "params.yaml: device: 'auto': finds no GPU; allowed: cpu, to do without one\n"),
    ],
)
def test_a_device_that_is_not_there_is_told_before_any_work(command, tmp_path, monkeypatch, device, message):
    monkeypatch.setattr("regen.training.device._available", lambda: ["cpu"])
    path = tiny_day(tmp_path / "profile")
    settings = tmp_path / "profile" / "params.yaml"
    settings.write_text(settings.read_text().replace("device: cpu", f"device: {device}"))
    code, told = command("--out", "day", "--profile", path)
    assert (code, told.removeprefix(f"{tmp_path}/profile/")) == (2, message)
    assert not (tmp_path / "day").exists()


def test_a_day_of_a_quarter_of_an_hour_is_of_the_paper_s_runs():
    profile = read_profile(PAPER.with_name("quarter.yaml"))
    assert profile.params == read_profile(PAPER).params


def test_the_committed_day_is_of_the_paper_s_runs():
    profile = read_profile(PAPER)
    content = yaml.safe_load(PAPER.read_text())
    assert content["runs"][:5] == [f"cifar10_{name}" for name in ("w1_3", "jsd_3", "jsd_1", "jsd_2", "w1_2")]
    assert {profile.params.gan[name].length for name in profile.day.runs[:5]} == {100_000}
