"""`make noise` with a command that stands in for the pipeline."""

import json
import os
import runpy
import statistics
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

REPO = Path(__file__).parents[2]
SETTINGS = {
    "seed": 1,
    "vae": {"several": {"seeds": [1, 2], "rate": 0.5}, "one": {"rate": 0.25}},
    "depth": {"seeds": 10, "training_seeds": [1]},
}
PIPELINE = """\
import json, sys
from pathlib import Path
import yaml
from code_of_the_copy import FACTOR
params = yaml.safe_load(Path("params.yaml").read_text())
Path("started").open("a").write("x")
if Path("../../../../broken").exists() and params["seed"] > 2e6 and not Path("reports").exists():
    sys.exit(3)
Path("reports").mkdir(exist_ok=True)
seeds = params["vae"]["several"]["seeds"]
metrics = {
    "several": {"mean": FACTOR * sum(seeds) / 1e6, "count": 7, "word": "falls"},
    "one": {"games": {"a": params["seed"] if params["seed"] > 2e6 else "not finite"}},
    "first": {"alone": 1.0} if params["seed"] < 2e6 else {},
}
Path("reports/metrics.json").write_text(json.dumps(metrics))
"""


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    for name, text in {
        "profiles/quick.yaml": yaml.safe_dump(SETTINGS),
        "src/code_of_the_copy.py": "FACTOR = 1.0\n",
        "pipeline.py": PIPELINE,
        "gone.py": "",
        ".gitignore": "ignored\n.dvc/\n__pycache__/\n",
        "ignored": "large",
        "dvc.lock": "",
        "reports/metrics.json": "{}",
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    return tmp_path


@pytest.fixture
def noise(workspace, monkeypatch, capfd):  # noqa: ARG001
    def run(*args):
        command = ("--command", f"{sys.executable} pipeline.py")
        monkeypatch.setattr(sys, "argv", ["noise.py", *command, *args])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "benchmarks" / "noise.py"), run_name="__main__")
        return caught.value.code or 0, capfd.readouterr().err

    return run


def scratch(number):
    return Path(f".dvc/tmp/noise/quick-{number}")


def params(number):
    return yaml.safe_load((scratch(number) / "params.yaml").read_text())


def test_means_and_deviations_of_what_is_a_number(noise):
    assert noise() == (0, "")
    table = pd.read_csv("results/noise/quick.csv").set_index("metric")
    means = [number * 2 + 3e-6 for number in range(1, 6)]
    assert list(table.index) == ["several.mean", "several.count", "one.games.a"]
    assert table.loc["several.mean"].tolist() == pytest.approx(
        [statistics.fmean(means), statistics.stdev(means), 5], rel=1e-5
    )
    assert table.loc["several.count"].tolist() == [7, 0, 5]
    assert table.loc["one.games.a"].tolist()[2] == 4  # in one run it is a word


def test_no_two_runs_share_a_seed_and_all_else_is_the_profile_s(noise):
    noise("--runs", "3")
    seeds = set()
    for number in range(1, 4):
        moved = params(number)
        used = [
            moved.pop("seed"),
            *moved["vae"]["several"].pop("seeds"),
            *moved["depth"].pop("training_seeds"),
        ]
        assert not seeds & set(used)
        assert len(set(used)) == 2  # as in the profile, where they are 1, 1, 2 and 1
        seeds |= {*used, *range(used[0], used[0] + moved["depth"]["seeds"])}
        assert moved == {"vae": {"several": {"rate": 0.5}, "one": {"rate": 0.25}}, "depth": {"seeds": 10}}
    assert not scratch(4).exists()


def test_a_copy_has_the_code_and_no_results(noise):
    noise("--runs", "2")
    assert (scratch(1) / "src" / "code_of_the_copy.py").exists()
    assert not (scratch(1) / "dvc.lock").exists()
    assert not (scratch(1) / "ignored").exists()
    assert json.loads(Path("reports/metrics.json").read_text()) == {}


def test_stopped_it_goes_on_with_what_was_run(noise):
    Path("broken").touch()
    code, message = noise("--runs", "3")
    assert (code, message.count("\n")) == (1, 1)
    assert message.startswith(".dvc/tmp/noise/quick-2: ")
    assert message.endswith("pipeline.py: exit code 3; start again to go on\n")
    assert not Path("results/noise").exists()
    Path("broken").unlink()
    before = (scratch(1) / "params.yaml").stat().st_mtime_ns
    assert noise("--runs", "3") == (0, "")
    assert (scratch(1) / "params.yaml").stat().st_mtime_ns == before
    assert [(scratch(number) / "started").read_text() for number in (1, 2, 3)] == ["xx", "xx", "x"]
    first = Path("results/noise/quick.csv").read_bytes()
    noise("--runs", "3")
    assert Path("results/noise/quick.csv").read_bytes() == first


def test_a_change_of_the_code_reaches_the_copies(noise):
    noise("--runs", "2")
    before = pd.read_csv("results/noise/quick.csv")
    Path("src/code_of_the_copy.py").write_text("FACTOR = 2.00\n")  # Python compares sizes and whole seconds
    Path("gone.py").unlink()
    noise("--runs", "2")
    after = pd.read_csv("results/noise/quick.csv")
    assert after["mean"][0] == pytest.approx(2 * before["mean"][0], rel=1e-5)
    assert not (scratch(1) / "gone.py").exists()
    assert (scratch(1) / "started").read_text() == "xx"  # what was left there stays


def test_a_seed_that_another_run_would_have_too_is_refused(noise):
    Path("profiles/quick.yaml").write_text(yaml.safe_dump(SETTINGS | {"seed": 1_000_001}))
    code, message = noise()
    assert (code, message) == (2, "profiles/quick.yaml: seed: 1000001: allowed here: below 1000000\n")
    assert not Path(".dvc").exists()
