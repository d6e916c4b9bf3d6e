"""The stage as a command, on the records of other stages that are made up."""

import json
import re
import runpy
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from chapters.made_up import write_records, write_timings
from regen import artifacts

REPO = Path(__file__).parents[2]


TABLES = (
    *("vae", "codes", "posterior_same_planar", "planar", "maps", "realnvp", "gan", "trends", "scores"),
    *("claims", "dirac"),
)


@pytest.fixture
def write_report(params, records, monkeypatch, tmp_path, capsys):
    """Return a function that runs the stage and returns its exit code and stderr."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPO / "claims.yaml", "claims.yaml")
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump(), sort_keys=False))
    write_records(records)
    write_timings(params)

    def run():
        monkeypatch.setattr(sys, "argv", ["write_report.py"])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "stages" / "write_report.py"), run_name="__main__")
        return caught.value.code or 0, capsys.readouterr().err

    return run


def test_what_it_writes(write_report):
    assert write_report() == (0, "")
    written = {str(path) for path in Path("reports").rglob("*") if path.is_file()}
    assert {path for path in written if not path.startswith(("reports/runs/", "reports/figures/"))} == {
        "reports/README.md",
        "reports/metrics.json",
        *("reports/timings.csv", "reports/timings.md"),
        *(f"reports/tables/{name}.{kind}" for name in TABLES for kind in ("csv", "md")),
    }
    page = Path("reports/README.md").read_text()
    for name in TABLES:
        for table in Path(f"reports/tables/{name}.md").read_text().strip().split("\n\n"):
            assert table in page


def test_records_of_runs_that_params_no_longer_have_are_ignored(write_report):
    assert Path("reports/runs/stale/training.json").exists()
    assert write_report() == (0, "")
    assert "stale" not in Path("reports/README.md").read_text()
    assert "stale" not in Path("reports/tables/vae.csv").read_text()
    assert "stale" not in json.loads(Path("reports/metrics.json").read_text())


def test_a_run_without_a_record_is_named(write_report):
    Path("reports/runs/grey/likelihood.json").unlink()
    code, message = write_report()
    assert (code, message.count("\n")) == (2, 1)
    assert message.startswith("reports/runs/grey/likelihood.json: no metrics (")
    assert not Path("reports/README.md").exists()


def test_timings_are_of_every_training(write_report, params):
    assert write_report() == (0, "")
    table = pd.read_csv("reports/timings.csv")
    runs = [*params.vae, *params.realnvp, *params.gan, "classifier-digits"]
    assert table["run"].tolist() == runs
    assert table["seconds"].tolist() == [7.5 + i for i in range(len(runs))]
    assert set(table["processor"]) == {"made up"}
    lines = Path("reports/timings.md").read_text().splitlines()
    assert lines[0] == "# How long it took"
    assert "steps per second" in lines[2]
    assert [line.split("|")[1].strip(" `") for line in lines[4:] if line] == runs


@pytest.mark.parametrize("run", ["l100", "rnvp", "w1", "classifier-digits"])
def test_a_run_without_a_timing_is_named(write_report, run):
    artifacts.timing_file(run).unlink()
    code, message = write_report()
    assert (code, message.count("\n")) == (2, 1)
    assert message.startswith(f"models/timings/{run}.json: no metrics (")
    assert not Path("reports/README.md").exists()


def test_a_claim_that_does_not_fit_is_named(write_report):
    Path("claims.yaml").write_text("claims:\n  - {id: odd, run: l100}\n")
    code, message = write_report()
    assert (code, message.count("\n")) == (2, 1)
    assert message.startswith("claims.yaml: odd: ")


def test_the_same_records_give_the_same_bytes(write_report):
    contents = set()
    for _ in range(2):
        assert write_report() == (0, "")
        files = sorted(path for path in Path("reports").rglob("*") if path.is_file())
        contents.add(tuple(path.read_bytes() for path in files))
    assert len(contents) == 1


def test_metrics_are_finite_and_of_every_run(write_report, params):
    assert write_report() == (0, "")
    metrics = json.loads(Path("reports/metrics.json").read_text(), parse_constant=pytest.fail)
    planar = {f"{a}_{b}_{k}" for a in ("planar", "density") for b in ("arcs", "sine") for k in (2, 8)}
    assert set(metrics) == {*params.vae, *planar, "rnvp", "w1", "theory", "dirac"}
    assert all(metrics.values())
    assert metrics["l100"]["frechet_distance"] == 20.0
    assert metrics["w1"]["frechet_distance"] == 15.0
    assert not [key for values in metrics.values() for key in values if "second" in key]


def test_a_seed_that_went_wrong_does_not_end_the_report(write_report):
    """Stages record what is no number as a word."""
    file = Path("reports/runs/same_planar/seeds.csv")
    file.write_text(file.read_text().replace("-94.5", "not finite").replace("-99", "not finite"))
    assert write_report() == (0, "")
    assert not re.search(r"\b(nan|none|inf)\b", Path("reports/README.md").read_text(), re.IGNORECASE)
