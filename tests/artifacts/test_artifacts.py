import json
import logging
import math
import os
import stat
import threading
from pathlib import Path

import pandas as pd
import pytest
import torch

from regen import artifacts
from regen.artifacts import (
    at_most,
    atomic_path,
    load_state,
    load_weights,
    metric,
    read_csv,
    read_metrics,
    read_snapshots,
    read_tensors,
    rounded,
    write_csv,
    write_metrics,
    write_snapshots,
    write_tensors,
    write_text,
)
from regen.errors import InputError

TENSORS = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "bias": torch.tensor([1.0, math.nan, -math.inf]),
    "pixels": torch.arange(8, dtype=torch.uint8).reshape(2, 1, 2, 2),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "empty": torch.zeros(0, 4),
    "scalar": torch.tensor(3, dtype=torch.int64),
}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# ---- publishing ------------------------------------------------------------------------------------------


def test_a_file_appears_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b" / "page.md", "naïve\n")
    assert (tmp_path / "a" / "b" / "page.md").read_bytes() == "naïve\n".encode()
    assert names(tmp_path / "a" / "b") == ["page.md"]


def publish_half_and_fail(path):
    with atomic_path(path) as part:
        part.write_text("half of the n")
        raise KeyboardInterrupt


@pytest.mark.parametrize("there", [True, False])
def test_an_exception_in_the_middle_leaves_what_was_there(tmp_path, there):
    path = tmp_path / "page.md"
    if there:
        write_text(path, "old")
    with pytest.raises(KeyboardInterrupt):
        publish_half_and_fail(path)
    assert names(tmp_path) == (["page.md"] if there else [])
    assert not there or path.read_text() == "old"


def test_until_it_is_whole_the_old_file_stays(tmp_path):
    path = tmp_path / "page.md"
    write_text(path, "old")
    with atomic_path(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
        assert part.parent == path.parent  # a rename across file systems would be a copy
    assert path.read_text() == "new"


def test_what_is_published_was_synced_before(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(os, "fsync", lambda _: steps.append("sync"))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda *args: (steps.append("rename"), replace(*args))[1])
    write_text(tmp_path / "page.md", "new")
    assert steps == ["sync", "rename"]


def test_readers_see_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "weights.safetensors"
    values = [torch.full((50_000,), float(value)) for value in range(2)]
    write_tensors(path, {"w": values[0]})
    done, seen = threading.Event(), set()

    def read():
        while not done.is_set():
            tensors, _ = read_tensors(path)
            seen.update(tensors["w"].unique().tolist() if len(tensors["w"].unique()) == 1 else ["mixed"])

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(40):
        write_tensors(path, {"w": values[turn % 2]})
    done.set()
    for reader in readers:
        reader.join()
    assert seen <= {0.0, 1.0}
    assert seen


def test_writers_at_once_leave_one_of_their_files(tmp_path):
    path = tmp_path / "page.md"
    texts = [letter * 100_000 for letter in "abcd"]
    writers = [threading.Thread(target=write_text, args=(path, text)) for text in texts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text() in texts
    assert names(tmp_path) == ["page.md"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "page.md", "text")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "page.md").stat().st_mode) == mode


# ---- tensors ---------------------------------------------------------------------------------------------


def test_tensors_come_back(tmp_path):
    path = tmp_path / "t.safetensors"
    write_tensors(path, TENSORS, {"name": "digits", "source": "embedded"})
    tensors, about = read_tensors(path)
    assert about == {"name": "digits", "source": "embedded"}
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == TENSORS[name].dtype
        torch.testing.assert_close(tensor, TENSORS[name], rtol=0, atol=0, equal_nan=True)


def test_equal_content_has_equal_bytes(tmp_path):
    about = {f"key{i}": str(i) for i in range(10)}
    contents = set()
    for turn in range(20):
        order = sorted(TENSORS, reverse=turn % 2)
        write_tensors(
            tmp_path / "t.safetensors",
            {name: TENSORS[name] for name in order},
            {key: about[key] for key in sorted(about, reverse=turn % 2)},
        )
        contents.add((tmp_path / "t.safetensors").read_bytes())
    assert len(contents) == 1


def test_views_and_parameters_are_written_as_what_they_show(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    write_tensors(tmp_path / "t", {"columns": base.T[1:3], "all": torch.nn.Parameter(base)})
    tensors, about = read_tensors(tmp_path / "t")
    assert about == {}
    assert torch.equal(tensors["columns"], base.T[1:3])
    assert torch.equal(tensors["all"], base)


def test_snapshots_come_back_first_epoch_first(tmp_path):
    """By number: in the file they stand as words, where 10 comes before 2."""
    path = tmp_path / "snapshots.safetensors"
    shown = {epoch: torch.full((4, 1, 2, 3), epoch, dtype=torch.uint8) for epoch in (10, 2, 0, 100)}
    write_snapshots(path, shown)
    back = read_snapshots(path)
    assert list(back) == [0, 2, 10, 100]
    assert all(torch.equal(back[epoch], images) for epoch, images in shown.items())
    assert {images.dtype for images in back.values()} == {torch.uint8}


# ---- metrics and tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_is_finite_or_a_word(value):
    assert metric(value) == "not finite"
    assert metric(1.5) == 1.5


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_metrics_that_are_not_finite_are_refused_and_the_old_ones_stay(tmp_path, value):
    path = tmp_path / "m.json"
    write_metrics(path, {"loss": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_metrics(path, {"run": {"loss": value}})
    assert read_metrics(path) == {"loss": 1.0}
    assert names(tmp_path) == ["m.json"]


def test_metrics_come_back_rounded(tmp_path):
    metrics = {
        "loss": 0.1 + 0.2,
        "steps": 123456789,
        "pixels": 12345678.0,
        "status": metric(math.nan),
        "run": {"bound": -1234.56789, "name": "0.123456789"},
    }
    write_metrics(tmp_path / "m.json", metrics)
    expected = metrics | {"loss": 0.3, "run": {"bound": -1234.57, "name": "0.123456789"}}
    assert read_metrics(tmp_path / "m.json") == expected
    assert isinstance(read_metrics(tmp_path / "m.json")["steps"], int)
    assert (tmp_path / "m.json").read_text().endswith("}\n")
    assert list(json.loads((tmp_path / "m.json").read_text())) == list(metrics)


def test_a_word_in_a_column_leaves_its_numbers_numbers(tmp_path):
    """As it was once not: every game's rate became text when one game ran off."""
    path = tmp_path / "verdicts.csv"
    write_csv(path, pd.DataFrame({"name": ["nan", "b", "c"], "rate": [-0.25, "not finite", 3]}, dtype=object))
    back = read_csv(path)
    assert back["rate"].tolist() == [-0.25, "not finite", 3.0]
    assert back["name"].tolist()[1:] == ["b", "c"]


def test_tables_come_back(tmp_path):
    table = pd.DataFrame(
        {"name": ["a", "b, c"], "loss": [1 / 3, 1e-21], "epochs": [1, 2], "ema": [None, 0.998]}
    )
    write_csv(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(read_csv(tmp_path / "t.csv"), table, rtol=1e-6)
    assert (tmp_path / "t.csv").read_text().split("\n")[1] == "a,0.333333,1,"


@pytest.mark.parametrize(
    ("value", "published"),
    [
        (1 / 3, 0.333333),
        (-2e5 / 3, -66666.7),
        (1.23456789e-21, 1.23457e-21),
        (0.9999999, 1.0),
        (0.0, 0.0),
        (123456789.0, 123456789.0),  # a count
        (-123456789.0, -123456789.0),
        (1234567.5, 1.23457e6),  # none
        (0.9996875, 0.999687),  # half-way: the last bit does not decide
        (math.nextafter(0.9996875, 0), 0.999687),
        (math.nextafter(0.9996875, 1), 0.999687),
        (1234567890.0, 1.23457e9),  # nor this
        (1234567890123, 1234567890123),
        (True, True),
        ("0.123456789", "0.123456789"),
        (None, None),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
    ],
)
def test_floats_are_published_to_six_digits_and_all_else_as_it_is(value, published):
    assert rounded(value) == published
    assert type(rounded(value)) is type(value)
    assert rounded(rounded(value)) == rounded(value)


def test_not_a_number_stays_none():
    assert math.isnan(rounded(math.nan))


def test_tables_are_rounded_whatever_their_columns_hold(tmp_path):
    table = pd.DataFrame(
        {
            "word": pd.Series([1 / 3, "not finite", 12345678], dtype=object),
            "steps": [123456789, 1, 2],
            "gaps": [123456789.0, None, 1234567.0],
            "single": pd.Series([1 / 3, 2 / 3, 1.0], dtype="float32"),
            "sure": [True, False, True],
        }
    )
    write_csv(tmp_path / "t.csv", table)
    assert (tmp_path / "t.csv").read_text().splitlines() == [
        "word,steps,gaps,single,sure",
        "0.333333,123456789,123456789,0.333333,True",
        "not finite,1,,0.666667,False",
        "12345678,2,1234567,1,True",
    ]


def test_numbers_that_differ_past_the_sixth_digit_are_published_alike(tmp_path):
    paths = [tmp_path / name for name in "ab"]
    for path, error in zip(paths, (1e-12, -1e-12), strict=True):
        write_csv(path, pd.DataFrame({"x": [1 / 3 + error, 1e-3 + error], "y": [2 / 3 - error, "word"]}))
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("error", "bound"),
    [
        (0.0, 1e-9),
        (3e-16, 1e-9),
        (1e-9, 1e-9),
        (1.1e-9, 1e-8),
        (2e-6, 1e-5),
        (0.5, 1.0),
        (1.0, 1.0),
        (12.0, 100.0),
        (math.inf, math.inf),
    ],
)
def test_errors_are_published_as_a_power_of_ten_above_them(error, bound):
    assert at_most(error) == pytest.approx(bound, rel=1e-15)
    assert at_most(error) >= error * (1 - 1e-15)


def test_an_error_that_is_not_a_number_stays_none():
    assert math.isnan(at_most(math.nan))


# ---- weights ---------------------------------------------------------------------------------------------


def normed():
    """Return a network with parameters, and with a buffer that counts."""
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


def test_weights_come_back_without_a_word(tmp_path, caplog):
    network, other = normed(), normed()
    network(torch.randn(4, 2))
    write_tensors(tmp_path / "w", network.state_dict())
    with caplog.at_level(logging.INFO):
        load_weights(other, tmp_path / "w")
    assert caplog.messages == []
    for name, value in other.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_weights_of_another_precision_are_converted_and_one_line_says_so(tmp_path, caplog):
    network, single = normed(), normed().float()
    write_tensors(tmp_path / "w", single.state_dict())
    load_weights(network, tmp_path / "w")
    assert caplog.messages == [
        f"{tmp_path / 'w'}: weights in float32, converted to the float64 that this run computes in"
    ]
    for name, value in single.state_dict().items():
        own = network.state_dict()[name]
        assert own.dtype == (torch.float64 if value.is_floating_point() else value.dtype)
        assert torch.equal(own, value.to(own.dtype))


@pytest.mark.parametrize("kind", [torch.int64, torch.uint8, torch.bool])
def test_weights_that_are_no_floats_are_refused_and_none_is_loaded(tmp_path, caplog, kind):
    network = normed()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    wrong = network.state_dict() | {"0.weight": torch.ones(3, 2, dtype=kind)}
    with pytest.raises(InputError) as caught:
        load_state(network, wrong, tmp_path / "w")
    assert str(caught.value).startswith(f"{tmp_path / 'w'}: not the weights of this run's networks (")
    assert str(kind).removeprefix("torch.") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caplog.messages == []
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_weights_of_another_architecture_are_refused(tmp_path, caplog):
    with pytest.raises(InputError, match="not the weights of this run's networks") as caught:
        load_state(normed(), torch.nn.Linear(2, 3).float().state_dict(), tmp_path / "w")
    assert "\n" not in str(caught.value)
    assert caplog.messages == []


# ---- files that cannot be read ---------------------------------------------------------------------------

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


# ---- the places ------------------------------------------------------------------------------------------


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
