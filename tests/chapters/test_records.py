import pandas as pd
import pytest

from chapters.made_up import write_records
from regen import artifacts
from regen.errors import InputError
from regen.report.records import Records


@pytest.fixture(autouse=True)
def written(records, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_records(records)


def test_what_was_written_is_read(params, records):
    found = Records.read(params)
    assert found.vae == {run: kinds for run, kinds in records.vae.items() if run != "stale"}
    assert found.realnvp == records.realnvp
    assert found.gan == records.gan
    assert found.fidelity == records.fidelity
    assert found.theory == records.theory
    assert found.figures == records.figures
    for name in ("flow", "maps", "dirac"):
        pd.testing.assert_frame_equal(getattr(found, name), getattr(records, name), check_dtype=False)
    for name in ("histories", "seeds", "evaluations", "theory_tables"):
        ours, theirs = getattr(found, name), getattr(records, name)
        assert ours.keys() == theirs.keys()
        for key, table in theirs.items():
            pd.testing.assert_frame_equal(ours[key], table, check_dtype=False)


def test_only_the_runs_of_params_are_read(params):
    alone = {"vae": {"grey": params.vae["grey"]}, "flow": params.flow.model_copy(update={"layers": [2]})}
    found = Records.read(params.model_copy(update=alone))
    assert (list(found.vae), list(found.seeds), list(found.histories)) == (
        ["grey"],
        ["grey"],
        ["grey", "rnvp", "w1"],
    )
    assert set(found.flow["layers"]) == {2}


@pytest.mark.parametrize(
    "file",
    [
        artifacts.scores_file("grey", "training"),
        artifacts.scores_file("grey", "likelihood"),
        artifacts.scores_file("rnvp", "training"),
        artifacts.scores_file("theory", "summary"),
        artifacts.seeds_file("same"),
        artifacts.history_file("same"),
        artifacts.history_file("rnvp"),
        artifacts.planar_scores_file(8),
        artifacts.planar_maps_table_file(),
        artifacts.theory_table_file("kl"),
        artifacts.verdicts_file(),
    ],
    ids=str,
)
def test_what_is_absent_is_named(params, file):
    file.unlink()
    with pytest.raises(InputError, match=rf"^{file}: no (table|metrics) \(") as caught:
        Records.read(params)
    assert "\n" not in str(caught.value)
