from dataclasses import replace

import pandas as pd
import pytest

from chapters.made_up import ON_THE_WAY, edit, scores, write
from regen import artifacts
from regen.chapters.scores import Scores, chapter, read_scores
from regen.errors import InputError

INCEPTION = "inception-torchvision"


def test_scores_of_all_families(params, scored):
    assert chapter(params, scored).tables[0].rows == [
        [
            *(run, family, reference, f"{inception} ± 0.12", f"{distance:.2f}"),
            *(f"{distance / 1000:.4f} ± 0.0010", "0.5", "0.25", "classifier", "1000", "10", deficient),
        ]
        for run, family, reference, inception, distance, deficient in (
            ("l100", "VAE", "digits, test", "1.25", 80, "no"),
            ("jsd_1", "GAN", "digits_color, test", "2.00", 50, "yes"),
            ("w1_2", "GAN", "digits_color, test", "5.00", 20, "no"),
        )
    ]


def test_of_several_seeds_the_deviation_is_shown(recorded):
    """In place of that over the splits, or over the subsets."""
    deviations = {"inception_score": 0.5, "frechet_distance": 2.0, "kernel_distance": 0.25, "recall": 0.0625}
    edit(
        artifacts.scores_file("w1_2", "fidelity"),
        **{f"{name}_deviation": value for name, value in deviations.items()},
    )
    found = chapter(recorded, read_scores(recorded))
    _, one_seed, row = found.tables[0].rows
    assert row[3:8] == ["5.00 ± 0.50", "20.00 ± 2.00", "0.0200 ± 0.2500", "0.5", "0.250 ± 0.062"]
    assert one_seed[3:6] == ["2.00", "50.00", "0.0500"]


def test_other_extractors_have_rows_and_facts_beside(params, scored):
    found = replace(scored, beside={"jsd_1": {INCEPTION: scores(30.0, INCEPTION)}})
    made = chapter(params, found)
    seen = made.tables[0].data[["run", "extractor", "distance", "distance_name"]].to_numpy().tolist()
    assert seen[1:] == [
        ["jsd_1", "classifier", 50.0, "Frechet distance"],
        ["jsd_1", INCEPTION, 30.0, "FID"],
        ["w1_2", "classifier", 20.0, "Frechet distance"],
    ]
    facts = made.facts["jsd_1"]
    assert [facts.scored_by(name).metrics["distance"] for name in ("classifier", INCEPTION)] == [50.0, 30.0]
    assert facts.scored_by(INCEPTION).settings["extractor"] == INCEPTION
    assert [found.of("jsd_1", name)["distance"] for name in (None, INCEPTION, "other")] == [50.0, 30.0, 50.0]


def test_without_scores(params):
    (table,) = chapter(params, Scores({}, {})).tables
    assert (table.rows, table.empty) == ([], "No run is scored.")


def test_distances_are_named_after_what_all_were_made_with(params):
    """A classifier's distance is never called an FID."""
    classifier, inception = scores(30.0), scores(30.0, INCEPTION)
    for final, words in (
        ({"jsd_1": classifier, "w1_2": classifier}, ("Frechet distance", "kernel distance")),
        ({"jsd_1": inception, "w1_2": inception}, ("FID", "KID")),
        ({"jsd_1": inception, "w1_2": classifier}, ("Frechet distance", "kernel distance")),
    ):
        headings = chapter(params, Scores(final, {})).tables[0].headings
        assert tuple(column.title for column in headings[4:6]) == words


def test_a_run_without_a_score_of_its_end_has_its_last_on_the_way(scored):
    assert scored.of("jsd_1")["distance"] == 50.0
    assert scored.of("jsd_3")["distance"] == 40.0
    assert scored.of("mlp") is scored.of("rnvp") is None


def test_scores_on_the_way_are_means_over_the_seeds(recorded):
    path = artifacts.evaluations_file("jsd_3")
    seeds = [ON_THE_WAY["jsd_3"].assign(seed=seed, frechet_distance=[9, 8, 7, seed]) for seed in (2, 5)]
    write({path: pd.concat(seeds)})
    assert read_scores(recorded).of("jsd_3")["distance"] == 3.5


def test_facts_on_every_run_on_images(params, scored):
    facts = chapter(params, scored).facts
    assert list(facts) == [*params.vae, *params.realnvp, *params.gan]
    assert facts["l100"].settings == {
        "extractor": "classifier",
        "samples": 1000,
        "splits": 10,
        "reference": "digits, test",
    }
    assert facts["l100"].metrics["distance"] == 80.0
    assert facts["l100"].metrics["misread"] == 0.0625
    assert facts["rnvp"].metrics == dict.fromkeys(("inception_score", "distance", "misread"), "not scored")


def test_metrics_that_change_with_the_machine_are_not_followed(params, scored):
    assert chapter(params, scored).metrics["w1_2"] == {
        "inception_score": 5.0,
        "frechet_distance": 20.0,
        "kernel_distance": 0.02,
        "precision": 0.5,
        "recall": 0.25,
    }


def test_the_table_tells_of_copies_of_the_data(params, scored):
    params.data.sha256.update(digits_color="0" * 64, mnist="0" * 64)
    references = chapter(params, scored).tables[0].data["reference"].tolist()
    assert references == ["digits, test", *["digits_color, test (copy)"] * 2]


@pytest.mark.parametrize("run", ["l100", "w1_2"])
def test_a_score_that_is_absent_is_named(recorded, run):
    artifacts.scores_file(run, "fidelity").unlink()
    with pytest.raises(InputError, match=rf"^reports/runs/{run}/fidelity.json: no metrics"):
        read_scores(recorded)
