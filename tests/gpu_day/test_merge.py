"""What a day has made, put in place."""

import json
import shlex
from pathlib import Path

import pytest

from benchmarks.gpu_day.merge import RECORDED, merge
from benchmarks.gpu_day.record import Record
from benchmarks.gpu_day.workspace import outputs
from gpu_day.conftest import carried
from gpu_day.small import RUN
from regen.errors import InputError


@pytest.fixture
def repository(tmp_path, monkeypatch, profile):
    """Stand in a folder with the settings that the runs were trained with."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "params.yaml").write_text(profile.params_path.read_text())
    monkeypatch.chdir(root)
    return root


@pytest.mark.usefixtures("repository")
def test_every_output_of_every_stage_is_in_its_place_and_told_to_dvc(whole):
    fetch, commit = merge(whole).splitlines()
    steps = list(whole.read()["steps"])
    assert shlex.split(fetch, comments=True) == ["dvc", "repro", "fetch_data@digits_color"]
    assert shlex.split(commit) == ["dvc", "commit", "--force", *steps]
    made = {path for name in steps for path in outputs(*name.split("@"))}
    assert Path(f"models/{RUN}") in made
    files = [Path(path) for path in made if not path.is_dir()] + [
        file for path in made if path.is_dir() for file in path.rglob("*") if file.is_file()
    ]
    assert len(files) == 11
    for file in files:
        assert file.read_bytes() == (whole.work / file).read_bytes(), file
    others = {path for path in Path().rglob("*") if path.is_file()} - set(files)
    assert {str(path) for path in others} == {
        "params.yaml", "results/gpu/checks.md", "results/gpu/environment.json", "results/gpu/table.md",
    }  # fmt: skip


@pytest.mark.usefixtures("repository")
def test_nothing_of_an_earlier_run_is_left_among_the_outputs(whole):
    left = Path(f"models/{RUN}/weights/seed-9.safetensors")
    left.parent.mkdir(parents=True)
    left.write_text("of a seed that is trained no more")
    merge(whole)
    assert list(left.parent.iterdir())
    assert not left.exists()


@pytest.mark.usefixtures("repository")
def test_checks_and_table_are_recorded_with_what_they_were_measured_with(whole):
    merge(whole)
    results = whole.read()
    made_with = json.loads((RECORDED / "environment.json").read_text())
    assert {"date", "python", "torch", "device", "processor"} <= made_with.keys()
    table, checks = ((RECORDED / f"{name}.md").read_text() for name in ("table", "checks"))
    for name in results["table"]:
        assert f"| {name} |" in table
    for name in results["checks"]:
        assert f"| {name} | yes |" in checks
    rate = results["table"][f"{RUN}, float32, plain"]["steps_per_second"]
    assert f"| {rate:.4g} (" in table


def test_results_of_other_settings_are_refused_and_nothing_is_changed(whole, repository):
    settings = repository / "params.yaml"
    settings.write_text(settings.read_text().replace("ema: 0.98", "ema: 0.97"))
    with pytest.raises(InputError, match=f"train_gan@{RUN}: made by other code or settings") as caught:
        merge(whole)
    assert "\n" not in str(caught.value)
    assert [path.name for path in repository.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[1:])])
def test_a_part_that_is_damaged_or_lost_is_refused_and_nothing_is_changed(
    whole, repository, tmp_path, damage
):
    record = carried(whole, tmp_path / "other")
    damage(next(record.parts.glob("train_gan*")))
    with pytest.raises(InputError, match=r"train_gan.*(not there|damaged)"):
        merge(record)
    assert [path.name for path in repository.iterdir()] == ["params.yaml"]


@pytest.mark.usefixtures("repository")
def test_without_a_run_only_checks_and_table_are_recorded(whole, tmp_path):
    record = carried(whole, tmp_path / "other", without=list(whole.read()["steps"]))
    assert merge(record) == "no run is done yet; checks and table are in results/gpu"
    assert (RECORDED / "table.md").exists()
    assert not Path("models").exists()


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no results\.json"):
        merge(Record(tmp_path))
