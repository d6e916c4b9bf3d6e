"""What cannot be read is named, and no two artifacts lie in one place."""

import pytest

from artifacts.small import TENSORS
from regen import artifacts
from regen.artifacts import (
    read_csv,
    read_metrics,
    read_snapshots,
    read_tensors,
    write_tensors,
)
from regen.errors import InputError

READERS = [read_tensors, read_snapshots, read_metrics, read_csv]


CONTENTS = {
    "none": None,
    "empty": b"",
    "binary": b"\xff\xfe\x00 no text, and no tensors either \x80",
    "cut": b'{"loss": 1.',  # to read_csv, this is the heading of an empty table
}


@pytest.mark.parametrize(
    ("read", "content"),
    [(read, content) for read in READERS for content in CONTENTS if (read, content) != (read_csv, "cut")],
)
def test_what_cannot_be_read_is_named_in_one_line(tmp_path, read, content):
    path = tmp_path / "file"
    if CONTENTS[content] is not None:
        path.write_bytes(CONTENTS[content])
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "run the stage that makes" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("read", READERS)
def test_a_folder_in_the_place_of_a_file(tmp_path, read):
    with pytest.raises(InputError, match="run the stage that makes"):
        read(tmp_path)


def test_a_tensor_file_that_was_cut(tmp_path):
    path = tmp_path / "t.safetensors"
    write_tensors(path, TENSORS)
    whole = path.read_bytes()
    for length in (4, 8, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"t\.safetensors: not a readable safetensors file"):
            read_tensors(path)


def test_no_two_artifacts_lie_in_one_place():
    places = [
        artifacts.dataset_file("x"),
        artifacts.points_file(),
        *(artifacts.weights_file(run, seed) for run in ("x", "y") for seed in (1, 11, 2)),
        artifacts.snapshots_file("x"),
        artifacts.likelihoods_file("x"),
        artifacts.trajectories_file(),
        artifacts.verdicts_file(),
        artifacts.planar_maps_file(),
        artifacts.planar_maps_table_file(),
        *(place(k) for place in (artifacts.planar_flows_file, artifacts.planar_scores_file) for k in (2, 22)),
        artifacts.history_file("x"),
        artifacts.translator_history_file("x"),
        artifacts.lengths_file("x"),
        artifacts.translations_file("x"),
        artifacts.translations_table_file("x"),
        artifacts.seeds_file("x"),
        artifacts.scores_file("x", "training"),
        artifacts.scores_file("x", "likelihood"),
        artifacts.figures_dir("x"),
        artifacts.table_file("x"),
        artifacts.REPORT_PAGE,
        artifacts.REPORT_METRICS,
    ]
    assert len(set(places)) == len(places)
    assert not any(place.is_absolute() for place in places)
    assert {place.parts[0] for place in places} == {"data", "models", "reports"}
