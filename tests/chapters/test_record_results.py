"""Recording some runs of the last run, on the records of other stages that are made up."""

import json
import runpy
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from chapters.made_up import write
from regen import artifacts

REPO = Path(__file__).parents[2]


class Out(NamedTuple):
    def_path: str
    use_cache: bool = False


class Made(NamedTuple):
    addressing: str
    outs: tuple[Out, ...]


class FromFiles:
    """A pipeline in which each file below reports/ has a stage of its own, in place of DVC's."""

    @staticmethod
    def selected(targets):
        files = map(str, filter(Path.is_file, Path("reports").rglob("*")))
        return [Made(name, (Out(name),)) for name in files if targets == ["write_report"] or name in targets]


@pytest.fixture
def stale():
    """Return the stages that would run again, to which a test adds."""
    return set()


@pytest.fixture
def record(recorded, stale, monkeypatch, capsys):
    """Return a function that records, and returns exit code, stderr and the files in the record."""
    shutil.copy(REPO / "claims.yaml", "claims.yaml")
    shutil.copytree(REPO / "profiles", "profiles")
    Path("params.yaml").write_text(yaml.safe_dump(recorded.model_dump(), sort_keys=False))
    monkeypatch.setattr("regen.pipeline.graph.locked_graph", lambda: nullcontext(FromFiles))
    monkeypatch.setattr("regen.pipeline.graph.is_stale", lambda stage: stage.addressing in stale)
    pictures = [artifacts.figures_dir(run) / "samples.png" for run in ("l100", "grey", "attention")]
    write(dict.fromkeys(pictures, "a picture"))

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["record_results.py", *args])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "stages" / "record_results.py"), run_name="__main__")
        kept = Path("results", args[0])
        files = {str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()}
        return caught.value.code or 0, capsys.readouterr().err, files

    return run


def test_some_runs_are_kept_without_the_rest(record):
    Path("reports/runs/grey/training.json").unlink()  # as if it had not been run
    shutil.rmtree("reports/runs/depth")
    code, errors, files = record("night", "l100", "theory")
    assert (code, errors) == (0, "")
    assert {"README.md", "claims.json", "metrics.json", "params.yaml", "environment.json"} <= files
    assert {"runs/l100/training.json", "figures/l100/samples.png", "tables/vae.csv"} <= files
    assert "runs/theory/summary.json" in files
    assert not any("grey" in file or "attention" in file or "dirac" in file for file in files)
    claims = json.loads(Path("results/night/claims.json").read_text())
    assert {tuple(claim["runs"]) for claim in claims.values()} >= {("l100",), ("theory",)}
    assert not any("not run" in claim["verdict"] for claim in claims.values())
    assert list(json.loads(Path("results/night/metrics.json").read_text())) == ["l100", "theory"]


def test_results_of_other_settings_are_not_recorded_as_these(record, stale):
    stale |= {"reports/runs/l100/training.json", "reports/figures/vae/overview.png"}
    write({Path("reports/figures/vae/overview.png"): "a picture of all"})
    code, _, files = record("night", "same", "theory")  # which are up to date, but for the picture of all
    assert (code, "runs/same/training.json" in files) == (0, True)
    assert "figures/vae/overview.png" not in files
    code, errors, files = record("day", "l100", "theory")
    assert (code, files) == (2, set())
    line = (
        "reports/: not of params.yaml, code and data as they are: reports/runs/l100/training.json would run"
    )
    assert errors == f"{line} again (regen status); run `make reproduce` first\n"


def test_a_record_tells_how_its_runs_were_trained(record):
    timing = {"seconds": 60.0, "precision": "bfloat16", "processor": "another"}
    for run in ("l100", "grey"):
        artifacts.write_metrics(artifacts.timing_file(run), timing)
    assert record("night", "l100", "theory")[0] == 0
    made_with = json.loads(Path("results/night/environment.json").read_text())
    assert made_with["trainings"] == {"l100": timing}


def test_a_record_is_replaced_whole_or_not_at_all(record, monkeypatch):
    copy = shutil.copy

    def cut_short(source, target):
        if source == "params.yaml":  # when nearly all is there
            raise OSError("No space left on device")
        return copy(source, target)

    write({Path("results/night/README.md"): "earlier"})
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copy", cut_short)
        with pytest.raises(OSError, match="No space left on device"):
            record("night", "theory")
    assert [path.name for path in Path("results").rglob("*")] == ["night", "README.md"]
    assert Path("results/night/README.md").read_text() == "earlier"
    write({Path("results/night/old"): "of the record before"})
    assert "old" not in record("night", "theory")[2]


def test_a_figure_of_all_runs_of_a_family_is_kept_with_them(record):
    code, _, files = record("night", "seq_plain", "seq_attention")
    assert code == 0
    assert "figures/attention/samples.png" in files
    claims = json.loads(Path("results/night/claims.json").read_text())
    assert claims
    assert {run for claim in claims.values() for run in claim["runs"]} <= {"seq_plain", "seq_attention"}


def test_corruptions_are_kept_with_the_classifiers_that_are_named(record):
    code, errors, files = record("night", "classifier-digits_color", "corruptions")
    assert (code, errors) == (0, "")
    assert "runs/corruptions/digits_color.csv" in files
    assert "tables/corruptions.csv" in files
    assert not any("l100" in file for file in files)


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("night", "classifier-mnist"), "params.yaml: classifier: no run 'mnist'; "),
        (("night", "l1000"), "params.yaml: no run 'l1000'; did you mean 'l100'?"),
        (("night", "grey"), "reports/runs/grey/training.json: no metrics ("),
        (("Night",), "NAME: 'Night': should be of lower-case letters, digits, _ and -"),
        (("noise",), "NAME: 'noise': is where `make noise` keeps its deviations"),
        (("night",), "reports/metrics.json: not there; run `make reproduce` first"),
    ],
)
def test_what_cannot_be_recorded_leaves_an_earlier_record_alone(record, args, line):
    Path("reports/runs/grey/training.json").unlink()
    earlier = Path("results", args[0], "README.md")
    write({earlier: "earlier"})
    code, errors, files = record(*args)
    assert code == 2
    assert errors.startswith(line)
    assert errors.count("\n") == 1
    assert files == {"README.md"}
