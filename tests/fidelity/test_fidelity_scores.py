"""Scores: as torch-fidelity's, called directly; properties; what a scorer refuses."""

import logging

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset
from torch_fidelity import calculate_metrics

from fidelity.small import CPU, SETTINGS, lay_out, random_classifier, random_images, scorer_of
from regen.artifacts import classifier_file, reference_file
from regen.errors import InputError
from regen.fidelity.scores import load_scorer


class Bare(Dataset):
    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


def torch_fidelity(images, reference, weights):
    return calculate_metrics(
        input1=Bare(images),
        input2=Bare(reference),
        feature_extractor="classifier",
        feature_extractor_weights_path=weights,
        isc=True,
        fid=True,
        kid=True,
        prc=True,
        isc_splits=SETTINGS.splits,
        kid_subsets=SETTINGS.kid_subsets,
        kid_subset_size=SETTINGS.kid_subset_size,
        cuda=False,
        verbose=False,
        cache=False,
        save_cpu_ram=True,  # no worker processes
    )


def test_scores_are_torch_fidelity_s(tmp_path):
    path = tmp_path / "classifier.safetensors"
    images, reference = random_images(70, seed=2, least=40), random_images(80, seed=1)
    scores = scorer_of(path)(images)
    expected = torch_fidelity(images, reference, path)
    for ours, theirs in (
        ("inception_score", "inception_score_mean"),
        ("inception_score_std", "inception_score_std"),
        ("frechet_distance", "frechet_inception_distance"),
        ("kernel_distance", "kernel_inception_distance_mean"),
        ("kernel_distance_std", "kernel_inception_distance_std"),
        ("precision", "precision"),
        ("recall", "recall"),
    ):
        assert scores[ours] == pytest.approx(expected[theirs], rel=1e-9, abs=1e-9), ours
    assert scores["inception_score"] > 1.05  # nothing above is trivial
    assert scores["frechet_distance"] > 0.01
    assert 0 < scores["precision"] < 1
    assert 0 < scores["recall"] < 1


def test_more_images_at_once_change_no_score(tmp_path):
    images = random_images(70, seed=2, least=40)
    few, many = (scorer_of(tmp_path / "c.safetensors", batch_size=size)(images) for size in (3, 100))
    numbers = [name for name, value in few.items() if isinstance(value, float)]
    assert {name: few[name] for name in numbers} == pytest.approx(
        {name: many[name] for name in numbers}, rel=1e-9
    )


def test_a_set_is_at_no_distance_from_itself(tmp_path):
    scores = scorer_of(tmp_path / "c.safetensors", kid_subsets=50)(random_images(80, seed=1))
    assert scores["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert abs(scores["kernel_distance"]) < scores["kernel_distance_std"]
    assert scores["precision"] == scores["recall"] == 1


def test_the_order_of_images_changes_no_distance(tmp_path):
    scorer, images = scorer_of(tmp_path / "c.safetensors"), random_images(70, seed=2, least=40)
    one, other = scorer(images), scorer(images.flip(0))
    for name in ("frechet_distance", "precision", "recall"):
        assert one[name] == pytest.approx(other[name], rel=1e-9)


def test_images_that_are_less_alike_are_further_away(tmp_path):
    scorer = scorer_of(tmp_path / "c.safetensors")
    distances = [
        scorer(random_images(80, seed=3, least=least), full=False)["frechet_distance"]
        for least in (0, 60, 120, 180)
    ]
    assert distances == sorted(distances)


def test_the_inception_score_of_sure_and_even_predictions_is_the_number_of_classes(tmp_path):
    scorer = scorer_of(tmp_path / "c.safetensors")
    logits = 100 * torch.eye(10).repeat(400, 1)
    assert scorer._inception_score(logits)["inception_score"] == pytest.approx(10, rel=0.02)
    assert scorer._inception_score(torch.zeros(40, 10))["inception_score"] == pytest.approx(1)


def test_numbers_never_stand_alone(tmp_path):
    scores = scorer_of(tmp_path / "c.safetensors")(random_images(70))
    stamps = {name: value for name, value in scores.items() if not isinstance(value, float)}
    assert stamps == {
        "weights": "trained here",
        "extractor": "classifier",
        "features": 10,
        "reference": "digits, test",
        "reference_images": 80,
        "samples": 70,
        "splits": 4,
        "rank_deficient": "no",
        "kid_subsets": 5,
        "kid_subset_size": 20,
    }
    assert not any("fid" in name.split("_") or name.startswith("kid_std") for name in scores)


def test_less_than_the_full_scores_costs_less_and_says_the_same(tmp_path):
    scorer, images = scorer_of(tmp_path / "c.safetensors"), random_images(70)
    full, part = scorer(images), scorer(images, full=False)
    assert part.items() <= full.items()
    assert "frechet_distance" in part
    assert "inception_score" in part
    assert not {"precision", "recall", "kernel_distance"} & part.keys()
    assert scorer(images[:5], full=False)["samples"] == 5  # fewer than a subset of the kernel distance


def test_no_random_state_is_touched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out()
    torch.manual_seed(3)
    np.random.seed(3)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    scorer = load_scorer(SETTINGS, "digits", CPU)
    scores = scorer(random_images(70))
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == numpy_before).all()
    torch.manual_seed(99)
    assert scorer(random_images(70)) == scores


def test_nothing_is_printed(tmp_path, capfd):
    scorer_of(tmp_path / "c.safetensors")(random_images(70))
    assert capfd.readouterr() == ("", "")


def test_an_enclosing_autocast_changes_no_score(tmp_path):
    scorer, images = scorer_of(tmp_path / "c.safetensors"), random_images(70)
    expected = scorer(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert scorer(images) == expected


def test_too_few_samples_for_the_features_are_flagged_and_warned_of(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    lay_out()
    few = SETTINGS.model_copy(update={"samples": 10, "kid_subset_size": 5})
    with caplog.at_level(logging.WARNING):
        scorer = load_scorer(few, "digits", CPU)
    assert "digits: 10 samples and 80 reference images for 10 features" in caplog.text
    assert scorer(random_images(10))["rank_deficient"] == "yes"
    assert scorer(random_images(11))["rank_deficient"] == "no"


def test_enough_samples_are_no_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    lay_out()
    load_scorer(SETTINGS, "digits", CPU)
    assert not caplog.text


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (random_images(70).float() / 255, "float32: should be (N, C, H, W) uint8, from 0 to 255"),
        (random_images(70)[:, 0], "should be (N, C, H, W) uint8"),
        (random_images(70, (3, 12, 12)), "images of 3 x 12 x 12: those of digits are 1 x 12 x 12"),
        (random_images(70, (1, 12, 14)), "images of 1 x 12 x 14: those of digits are 1 x 12 x 12"),
        (random_images(19), "19 images are too few to score: at least 20"),
    ],
)
def test_images_that_cannot_be_scored_are_named(tmp_path, images, says):
    with pytest.raises(InputError) as error:
        scorer_of(tmp_path / "c.safetensors")(images)
    assert says in str(error.value)


def test_features_that_are_not_finite_stop_the_run(tmp_path):
    network = random_classifier()
    scorer = scorer_of(tmp_path / "c.safetensors", network=network)
    scorer.extractor.network.network.head.bias.data[0] = float("nan")
    with pytest.raises(
        InputError, match=r"c\.safetensors: features of images that are not finite; .*score\.weights"
    ):
        scorer(random_images(70))


def test_a_reference_of_another_extractor_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out()
    scorer_of(classifier_file("digits"), network=random_classifier(seed=8))
    with pytest.raises(InputError, match="run the stage measure_reference"):
        load_scorer(SETTINGS, "digits", CPU)


def test_a_reference_with_too_few_images_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lay_out(count=19)
    with pytest.raises(InputError, match="digits has 19 test images; at least 20"):
        load_scorer(SETTINGS, "digits", CPU)


def test_absent_files_are_named_with_the_stage_that_makes_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=str(classifier_file("digits"))):
        load_scorer(SETTINGS, "digits", CPU)
    lay_out()
    reference_file("digits").unlink()
    with pytest.raises(InputError, match=str(reference_file("digits"))):
        load_scorer(SETTINGS, "digits", CPU)
