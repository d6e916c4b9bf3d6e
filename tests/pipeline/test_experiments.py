"""What people do with the pipeline: experiments, diffs, a run that is killed, settings with a mistake."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
import torch

from regen.planar.targets import TARGETS
from waiting import wait_for

pytestmark = pytest.mark.slow

SMALL = {"train_vae@small", "estimate_likelihood@small", "draw_vae@small", "score_samples@small"}


def test_a_learning_rate_in_a_copy_and_what_differs_there(reproduced):
    ran = reproduced.ran("exp", "run", "--temp", "--name", "faster", "-S", "vae.small.learning_rate=0.05")
    assert ran == {"check_params", *SMALL, "write_report", "write_book"}
    assert reproduced.git("status", "--porcelain") == ""

    metrics = json.loads(reproduced.dvc("metrics", "diff", "faster", "--json").stdout)
    small = metrics["reports/metrics.json"]
    assert {name.split(".")[0] for name in small} == {"small"}
    assert small["small.log_p"]["diff"] != 0
    params = json.loads(reproduced.dvc("params", "diff", "faster", "--json").stdout)
    assert params == {
        "params.yaml": {"vae.small.learning_rate": {"old": 0.05, "new": 0.001, "diff": pytest.approx(-0.049)}}
    }

    text = reproduced.python("stages/write_diff.py", "faster").stdout
    _, params, metrics, figures = re.split("### Params|### Metrics|### Figures", text)
    assert re.search(r"\| small.log_p +\| -\d", metrics)
    assert "dirac" not in metrics
    assert re.search(r"\| vae.small.learning_rate +\| 0.05 +\| 0.001 +\|", params)
    assert "reports/figures/small/samples.png" in figures


def test_a_record_is_of_the_settings_as_they_are_and_of_nothing_else(disturbed):
    left = disturbed.root / "reports/runs/earlier/training.json"  # by settings that had another run
    left.parent.mkdir()
    left.write_text("{}")
    try:
        disturbed.regen("run")
        disturbed.python("stages/record_results.py", "night")
        kept = {name.removeprefix("results/night/") for name in disturbed.content("results/night")}
        made = {name.removeprefix("reports/") for name in disturbed.git("ls-files", "reports").split()}
        assert kept - made == {"dvc.lock", "environment.json", "params.yaml"}
        assert made - kept == {".gitignore"}
        with disturbed.changed("vae.small.learning_rate", 0.5):
            told = disturbed.python("stages/record_results.py", "night", code=2).stderr
        assert told.startswith(
            "reports/: not of params.yaml, code and data as they are: train_vae@small and 1 more would "
        )
    finally:
        shutil.rmtree(left.parent)
        shutil.rmtree(disturbed.root / "results/night", ignore_errors=True)


def test_metrics_and_plots_are_shown(reproduced):
    shown = json.loads(reproduced.dvc("metrics", "show", "--json").stdout)
    assert set(shown[""]["data"]["reports/metrics.json"]["data"]) == {
        *("l100", "small", "grey", "realnvp_mnist", "tiny_gan", "tiny_seq", "corruptions", "theory", "depth"),
        "dirac",
        *(f"{source}_{target}_{k}" for source in ("planar", "density") for target in TARGETS for k in (1, 2)),
    }
    plots = json.loads(reproduced.dvc("plots", "show", "--json").stdout)
    seeds = {"l100": ["1", "2"], "small": ["1"], "realnvp_mnist": [None]}
    assert set(plots["data"]) == {
        f"reports/runs/{run}/history.csv" for run in (*seeds, "grey", "gan/tiny_gan", "attention/tiny_seq")
    }
    for run, expected in seeds.items():
        (plot,) = plots["data"][f"reports/runs/{run}/history.csv"]
        rows = plot["content"]["data"]["values"]
        score = "valid_bits_per_dimension" if run == "realnvp_mnist" else "valid_negative_elbo"
        assert [(row.get("seed"), row["epoch"]) for row in rows] == [(s, e) for s in expected for e in "12"]
        assert all(float(row[score]) > 0 for row in rows)


def test_write_diff_where_nothing_changed(reproduced):
    text = reproduced.python("stages/write_diff.py", "HEAD").stdout
    assert re.sub(r"\d+ are", "n are", " ".join(text.split())) == (
        "## Changes since `HEAD` ### Claims No verdict changed. ### Params No param changed. "
        "### Metrics No metric changed. n are equal. ### Figures 0 changed, 0 new, 0 removed."
    )


def test_write_diff_since_a_revision_without_results(reproduced):
    text = reproduced.python("stages/write_diff.py", "HEAD~1").stdout
    assert "`HEAD~1` has no `reports/metrics.json`" in text
    assert "`HEAD~1` has no `reports/claims.json`" in text


def test_a_killed_run_goes_on_where_it_was(disturbed):
    """The outputs are those of a run that nobody killed, and no part of a file is left."""
    checkpoints = disturbed.root.parent / "cache" / "checkpoints"
    train = ["repro", "--single-item", "train_vae@small"]
    epochs = 60
    with disturbed.changed("vae.small.epochs", epochs):
        state = kill_after_a_checkpoint(disturbed, train, checkpoints)
        outputs = disturbed.content("models/small", "reports/runs/small")
        estimates = ("seeds.csv", "likelihood.json", "fidelity.json")
        assert set(outputs) <= {f"reports/runs/small/{name}" for name in estimates}
        assert 0 < torch.load(state)["fitted"]["step"] < len(torch.load(state)["fitted"]["trace"])

        assert disturbed.ran(*train) == {"train_vae@small"}
        resumed = disturbed.content("models/small", "reports/runs/small")
        assert list(checkpoints.iterdir()) == []
        disturbed.dvc(*train, "--force", "--no-run-cache")
        assert disturbed.content("models/small", "reports/runs/small") == resumed


def kill_after_a_checkpoint(clone, args, checkpoints):
    """Kill `dvc ARGS` and all that it started, without a warning; return the checkpoint."""
    state = "small-*/state.pt"
    running = subprocess.Popen(
        [sys.executable, "-m", "dvc", *args],
        cwd=clone.root,
        env=clone.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: running.poll() is not None or any(checkpoints.glob(state)), every=0.01)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
    assert running.returncode == -signal.SIGKILL, "it ended before it could be killed"
    return next(checkpoints.glob(state))


def test_a_mistake_ends_at_the_check_before_anything_runs(disturbed):
    before = disturbed.content("data", "models", "reports")
    with disturbed.changed("vae.l100.data", "mnist"):
        done = disturbed.dvc("repro", code=255)
    message = "vae.l100.data: 'mnist': not among data.sets ['digits']"
    after = disturbed.content("data", "models", "reports")
    said = [line for line in done.stderr.splitlines() if "RWLock-file" not in line]  # of the killed run above
    assert said[0].startswith(f"params.yaml: {message}")
    assert said[1].startswith("ERROR: failed to reproduce 'check_params'")
    assert len(said) == 2
    assert re.findall("Running stage '(.*)'", done.stdout) == ["check_params"]
    assert after == {name: content for name, content in before.items() if name != "data/params.ok"}


@pytest.mark.parametrize(
    ("right", "wrong", "key"),
    [
        ("  sets:", "  stes:", "'data.sets'"),
        (" data: digits", " dtaa: digits", "data"),
    ],
)
def test_a_key_that_dvc_itself_needs_is_missed_by_dvc_first(reproduced, right, wrong, key):
    """It reads dvc.yaml before any stage runs; `make reproduce` checks params.yaml before DVC does."""
    text = (reproduced.root / "params.yaml").read_text()
    assert right in text
    with reproduced.edited("params.yaml", text, text.replace(right, wrong, 1)):
        done = reproduced.dvc("repro", code=255)
    assert re.fullmatch(r"ERROR: failed to parse '.*' in 'dvc.yaml': Could not find .*\n", done.stderr)
    assert key in done.stderr
    assert "Running" not in done.stdout
