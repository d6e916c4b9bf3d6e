"""The stage as a command, on the records of other stages that are made up."""

import contextlib
import json
import re
import runpy
import shutil
import sys
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest
import yaml

from chapters.made_up import made_up_params
from regen import artifacts
from regen.chapters import read_chapters
from regen.errors import InputError
from regen.params.yaml_files import read_yaml
from regen.report.chapter import directions
from regen.report.claims import Claims, as_claims

REPO = Path(__file__).parents[2]

TABLES = (
    *(
        "vae",
        "codes",
        "posterior_same_planar",
        "planar",
        "density",
        "maps",
        "realnvp",
        "gan",
        "trends",
        "scores",
    ),
    *(
        "theory",
        "theory_kl",
        "theory_dimensions",
        "claims",
        "attention",
        "translations",
        "corruptions",
        "depth",
        "dirac",
    ),
)


def trainings(params):
    """Return the trainings whose time is recorded."""
    images = [
        *params.vae,
        *params.realnvp,
        *params.gan,
        *(f"classifier-{data}" for data in params.classifier),
    ]
    return [*images, *params.attention]


def complete(params):
    """Put into the working folder what else the stage reads."""
    shutil.copy(REPO / "claims.yaml", "claims.yaml")
    shutil.copytree(REPO / "profiles", "profiles")
    Path("params.yaml").write_text(yaml.safe_dump(params.model_dump(), sort_keys=False))
    for run in trainings(params):
        artifacts.write_metrics(artifacts.timing_file(run), {"seconds": 7.5, "steps_per_second": 8.0})


def run_stage():
    """Run the stage and return its exit code."""
    with mock.patch.object(sys, "argv", ["write_report.py"]), pytest.raises(SystemExit) as caught:
        runpy.run_path(str(REPO / "stages" / "write_report.py"), run_name="__main__")
    return caught.value.code or 0


@pytest.fixture
def write_report(recorded, capsys):
    """Return a function that runs the stage and returns its exit code and stderr."""
    complete(recorded)
    return lambda: (run_stage(), capsys.readouterr().err)


@pytest.fixture(scope="module")
def report(records, tmp_path_factory):
    """Return a folder in which the stage has run, which no test changes."""
    folder = shutil.copytree(records, tmp_path_factory.mktemp("report") / "written")
    with contextlib.chdir(folder):
        complete(made_up_params())
        assert run_stage() == 0
    return folder


@pytest.fixture
def _written(report, monkeypatch):
    monkeypatch.chdir(report)


@pytest.mark.usefixtures("_written")
def test_what_it_writes():
    written = {str(path) for path in Path("reports").rglob("*") if path.is_file()}
    assert {path for path in written if not path.startswith(("reports/runs/", "reports/figures/"))} == {
        "reports/README.md",
        *("reports/metrics.json", "reports/claims.json"),
        *("reports/timings.csv", "reports/timings.json"),
        *(f"reports/tables/{name}.{kind}" for name in TABLES for kind in ("csv", "json")),
    }


def test_what_runs_on_copies_tell_together_is_marked_too(write_report):
    params = read_yaml(Path("params.yaml"))
    params["data"]["sha256"] = {"digits_color": "0" * 64}  # the GANs'
    Path("params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    assert write_report() == (0, "")
    verdicts = {
        name: each["verdict"] for name, each in json.loads(artifacts.REPORT_CLAIMS.read_text()).items()
    }
    assert verdicts["cifar10-w1-indicative"].endswith(" (copy)")
    assert not verdicts["elbo-lower-bound"].endswith(" (copy)")


@pytest.mark.usefixtures("_written")
def test_records_of_runs_that_params_no_longer_have_are_ignored():
    assert Path("reports/runs/stale/training.json").exists()
    assert "stale" not in Path("reports/README.md").read_text()
    assert "stale" not in Path("reports/tables/vae.csv").read_text()
    assert "stale" not in json.loads(Path("reports/metrics.json").read_text())


@pytest.mark.parametrize(
    "file",
    [
        artifacts.scores_file("grey", "training"),
        artifacts.scores_file("grey", "likelihood"),
        artifacts.scores_file("rnvp", "training"),
        artifacts.scores_file("mlp", "training"),
        artifacts.scores_file("theory", "summary"),
        artifacts.seeds_file("same"),
        artifacts.history_file("same"),
        artifacts.history_file("rnvp"),
        artifacts.gan_history_file("mlp"),
        artifacts.evaluations_file("mlp"),
        artifacts.corruptions_file("digits_color"),
        artifacts.planar_scores_file(8),
        artifacts.planar_maps_table_file(),
        artifacts.theory_table_file("kl"),
        artifacts.scores_file("seq_plain", "training"),
        artifacts.scores_file("seq_plain", "translation"),
        artifacts.translator_history_file("seq_plain"),
        artifacts.lengths_file("seq_plain"),
        artifacts.translations_table_file("seq_plain"),
        artifacts.depth_table_file("stacks"),
        artifacts.verdicts_file(),
    ],
    ids=str,
)
def test_a_record_that_is_absent_is_named(recorded, file):
    file.unlink()
    with pytest.raises(InputError, match=rf"^{file}: no (table|metrics) \(") as caught:
        read_chapters(recorded, Claims(()))
    assert "\n" not in str(caught.value)


def test_claims_and_columns_agree_on_which_values_are_better(recorded):
    known = directions(read_chapters(recorded, Claims(())))
    claims = as_claims(read_yaml(REPO / "claims.yaml"), REPO / "claims.yaml").claims
    said = {(claim.metric, claim.better) for claim in claims if claim.better and claim.metric in known}
    assert said
    assert said == {(metric, known[metric]) for metric, _ in said}
    assert {"inception_score": "higher", "distance": "lower", "loss": "lower"}.items() <= known.items()


@pytest.mark.usefixtures("_written")
def test_timings_are_of_every_training(params):
    assert pd.read_csv("reports/timings.csv")["run"].tolist() == trainings(params)


def test_nothing_is_written_without_all_records(write_report):
    artifacts.timing_file("classifier-digits").unlink()
    code, message = write_report()
    assert (code, message.count("\n")) == (2, 1)
    assert message.startswith("models/timings/classifier-digits.json: no metrics (")
    assert not Path("reports/README.md").exists()
    assert not Path("reports/tables").exists()


@pytest.mark.usefixtures("_written")
def test_every_claim_is_in_the_ledger_as_in_its_table():
    """Those on runs that these settings do not have, too, and those on the Dirac games."""
    ledger = json.loads(Path("reports/claims.json").read_text(), parse_constant=pytest.fail)
    claims = as_claims(read_yaml(REPO / "claims.yaml"), REPO / "claims.yaml").claims
    assert list(ledger) == [claim.id for claim in claims]
    table = pd.read_csv("reports/tables/claims.csv").set_index("claim")["verdict"]
    assert table.to_dict() == {name: entry["verdict"] for name, entry in ledger.items()}
    assert ledger["vae-uva-curve"]["verdict"] == "not run"
    assert ledger["dirac-jsd-1"]["ours"] == "cycles"
    assert ledger["post-norm-vanishes"]["question"] == "12 to 17"
    assert "question" not in ledger["kl-zero"]


def test_a_claim_on_a_run_that_no_settings_have_is_refused_before_anything_is_written(write_report):
    text = Path("claims.yaml").read_text()
    Path("claims.yaml").write_text(text.replace("run: l100, metric: log_p,", "run: l1000, metric: log_p,"))
    code, message = write_report()
    assert (code, message.count("\n")) == (2, 1)
    assert message.startswith(
        "claims.yaml: vae-l100-loglik: 'l1000': no run of params.yaml nor of profiles/; did you mean 'l100'? "
    )
    assert not Path("reports/claims.json").exists()


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


@pytest.mark.usefixtures("_written")
def test_metrics_are_finite_and_of_every_run(params):
    metrics = json.loads(Path("reports/metrics.json").read_text(), parse_constant=pytest.fail)
    planar = {f"{a}_{b}_{k}" for a in ("planar", "density") for b in ("arcs", "sine") for k in (2, 8)}
    assert set(metrics) == {
        *(*params.vae, *planar, "rnvp", *params.gan, "theory", *params.attention),
        *("corruptions", "depth", "dirac"),
    }
    assert all(metrics.values())
    assert metrics["l100"]["valid_negative_elbo"] == 102.25
    assert metrics["l100"]["frechet_distance"] == 80.0
    assert metrics["w1_2"]["frechet_distance"] == 20.0
    assert not [key for values in metrics.values() for key in values if "second" in key]


def test_a_seed_that_went_wrong_does_not_end_the_report(write_report):
    """Stages record what is no number as a word."""
    file = Path("reports/runs/same_planar/seeds.csv")
    file.write_text(file.read_text().replace("-94.5", "not finite").replace("-99", "not finite"))
    assert write_report() == (0, "")
    for table in Path("reports/tables").glob("*.json"):
        cells = [cell for row in json.loads(table.read_text())["rows"] for cell in row["cells"]]
        assert not re.search(r"\b(nan|none|inf)\b", " ".join(cells), re.IGNORECASE), table
