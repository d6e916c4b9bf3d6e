"""The four stages as commands, one after another, on small data."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
import yaml

from fidelity.small import SETTINGS, TRAINING, labelled, random_images
from regen import params
from regen.artifacts import (
    classifier_file,
    corrupted_file,
    corruptions_file,
    dataset_file,
    read_csv,
    read_tensors,
    scores_file,
    weights_file,
    write_tensors,
)
from regen.artifacts.datasets import Dataset, Images, read_dataset, write_dataset
from regen.fidelity.classifier import load_classifier, predict
from regen.gan.networks import build_generator
from regen.params import read_params
from regen.params.score import Beside
from regen.realnvp.networks import build_realnvp
from regen.vae.networks import build_vae

REPO = Path(__file__).parents[2]
SPLITS = {"train": 90, "valid": 20, "test": 80}
SHAPE = (1, 28, 28)
QUICK = read_params(REPO / "profiles/quick.yaml")
RUNS = {"vae": "uva_z2", "gan": "vu_gan", "realnvp": "realnvp_mnist"}
"""A run of each family on `digits`."""


@pytest.fixture
def stage(monkeypatch, tmp_path, capsys):
    """Return a function that runs a stage and returns its exit code and stderr."""
    for name in ("dvc.yaml", "src", "stages"):  # what a checkpoint depends on
        (tmp_path / name).symlink_to(REPO / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGEN_CACHE", str(tmp_path / "cache"))
    score = SETTINGS.model_copy(update={"runs": dict.fromkeys(RUNS.values(), "digits")})
    classifier = {"digits": TRAINING, "binarized_mnist": TRAINING}
    few = QUICK.corruptions.model_copy(update={"images": 60})
    changes = {"device": "cpu", "score": score, "classifier": classifier, "corruptions": few}
    settings = QUICK.model_copy(update=changes)
    monkeypatch.setattr("regen.params.read_params", lambda: settings)
    Path("params.yaml").write_text(yaml.safe_dump(settings.model_dump()))  # for the keys of checkpoints
    splits = {name: labelled(random_images(count, SHAPE, seed=count)) for name, count in SPLITS.items()}
    write_dataset(Path("data/digits.safetensors"), Dataset("digits", splits, "noise"))
    bare = {name: Images(images.pixels, None) for name, images in splits.items()}
    write_dataset(Path("data/binarized_mnist.safetensors"), Dataset("binarized_mnist", bare, "noise"))

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "stages" / f"{name}.py"), run_name="__main__")
        return caught.value.code or 0, capsys.readouterr().err

    return run


def write_weights(family):
    """Leave the weights of a network that has not been trained."""
    name = RUNS[family]
    torch.manual_seed(0)
    network = {
        "vae": lambda: build_vae(QUICK.vae[name], SHAPE),
        "gan": lambda: build_generator(QUICK.gan[name], SHAPE),
        "realnvp": lambda: build_realnvp(name, QUICK.realnvp[name], SHAPE),
    }[family]()
    write_tensors(weights_file(name, QUICK.seed), network.state_dict())


def test_from_data_to_scores(stage, tmp_path):
    assert stage("train_classifier", "digits") == (0, "")
    training = json.loads(scores_file("classifier-digits", "training").read_text())
    assert training["test_images"] == 80
    assert 0 <= training["test_accuracy"] <= 1
    assert stage("measure_reference", "digits") == (0, "")
    for family, name in RUNS.items():
        write_weights(family)
        assert stage("score_samples", name) == (0, "")
        scores = json.loads(scores_file(name, "fidelity").read_text())
        assert scores["reference"] == "digits, test"
        assert scores["samples"] == 60
        assert scores["frechet_distance"] >= 0
        assert ("misread" in scores) == (family == "vae")
    assert not list((tmp_path / "cache").rglob("*.pt"))


def test_other_extractors_score_the_same_samples_beside(stage, monkeypatch, tmp_path):
    """By the classifier beside an Inception that is not looked at: as if the classifier stood alone."""
    stage("train_classifier", "digits")
    stage("measure_reference", "digits")
    used, name = params.read_params(), RUNS["gan"]
    seeds = [QUICK.seed, QUICK.seed + 1]
    write_weights("gan")
    write_tensors(weights_file(name, seeds[1]), read_tensors(weights_file(name, seeds[0]))[0])
    gan = {**used.gan, name: used.gan[name].model_copy(update={"seeds": seeds})}
    beside = {name: Beside(data="digits", extractors=["classifier"])}
    score = used.score.model_copy(update={"extractor": "inception-torchvision", "beside": beside})
    alone = used.model_copy(update={"gan": gan})
    several = used.model_copy(update={"gan": gan, "score": score})
    monkeypatch.setattr("regen.params.read_params", lambda: alone)
    assert stage("score_samples", name) == (0, "")
    monkeypatch.setattr("regen.params.read_params", lambda: several)
    expected = json.loads(scores_file(name, "fidelity").read_text())
    changed = set()
    for _ in range(2):  # measuring the reference, and then from the cache
        assert stage("score_samples", name, "--beside") == (0, "")
        assert json.loads(scores_file(name, "beside").read_text()) == {"classifier": expected}
        (kept,) = (tmp_path / "cache/references").iterdir()
        changed.add(kept.stat().st_mtime_ns)
    assert len(changed) == 1
    kept.write_bytes(kept.read_bytes()[:-1])  # damaged: measured again
    assert stage("score_samples", name, "--beside") == (0, "")
    assert json.loads(scores_file(name, "beside").read_text()) == {"classifier": expected}
    dataset_file("digits").unlink()
    code, message = stage("score_samples", name, "--beside")
    assert (code, message.count("\n")) == (2, 1)
    assert message.startswith("data/digits.safetensors: cannot be read (No such file or directory); ")
    code, message = stage("score_samples", RUNS["vae"], "--beside")
    assert (code, message) == (2, f"params.yaml: score.beside: no 'uva_z2'; allowed: {name}\n")


def test_corrupted_images_are_scored_as_samples_are(stage):
    stage("train_classifier", "digits")
    stage("measure_reference", "digits")
    assert stage("measure_corruptions", "digits") == (0, "")
    table, (examples, _) = read_csv(corruptions_file("digits")), read_tensors(corrupted_file("digits"))
    settings = QUICK.corruptions
    for kind, rows in table.groupby("corruption"):
        assert rows["strength"].tolist() == [0, *getattr(settings, kind)]
        assert examples[kind].shape == (len(rows), 4, *SHAPE)
    assert set(table["corruption"]) == set(examples)
    assert set(table["samples"]) == {60}
    assert set(table["reference_images"]) == {80}
    assert table[table["strength"] == 0]["frechet_distance"].nunique() == 1
    assert table["frechet_distance"].nunique() > 10


def test_no_more_images_are_corrupted_than_are_tested(stage, monkeypatch):
    stage("train_classifier", "digits")
    stage("measure_reference", "digits")
    many = params.read_params().model_copy(update={"corruptions": QUICK.corruptions})
    monkeypatch.setattr("regen.params.read_params", lambda: many)
    assert stage("measure_corruptions", "digits") == (0, "")
    assert set(read_csv(corruptions_file("digits"))["samples"]) == {80}


def test_a_vae_that_ignores_its_codes_is_misread_but_for_the_images_of_one_class(stage):
    stage("train_classifier", "digits")
    stage("measure_reference", "digits")
    vae = build_vae(QUICK.vae["uva_z2"], SHAPE)
    *_, weight, bias = vae.decoder.parameters()
    weight.data.zero_()
    write_tensors(weights_file("uva_z2", QUICK.seed), vae.state_dict())
    classifier = load_classifier(classifier_file("digits"))
    image = (255 * bias.detach().sigmoid()).round().to(torch.uint8).unflatten(0, (1, *SHAPE))
    test = read_dataset(dataset_file("digits")).splits["test"].pixels
    seen = (test > 127).to(torch.uint8) * 255  # as the run says
    share = (predict(classifier, seen) == predict(classifier, image)).double().mean()
    assert stage("score_samples", "uva_z2") == (0, "")
    scores = json.loads(scores_file("uva_z2", "fidelity").read_text())
    assert scores["misread"] == pytest.approx(1 - share.item())


def test_a_vae_of_other_data_is_not_read(stage, monkeypatch):
    """The classifier is that of the data which the run is held against."""
    stage("train_classifier", "digits")
    stage("measure_reference", "digits")
    write_weights("vae")
    used = params.read_params()
    run = used.vae["uva_z2"].model_copy(update={"data": "mnist"})
    other = used.model_copy(update={"vae": {**used.vae, "uva_z2": run}})
    monkeypatch.setattr("regen.params.read_params", lambda: other)
    assert stage("score_samples", "uva_z2") == (0, "")
    assert "misread" not in json.loads(scores_file("uva_z2", "fidelity").read_text())


def test_the_same_seed_gives_the_same_bytes(stage):
    written = set()
    for _ in range(2):
        stage("train_classifier", "digits")
        stage("measure_reference", "digits")
        stage("measure_corruptions", "digits")
        files = [*Path("models").rglob("*.safetensors"), *Path("reports").rglob("*.csv")]
        written.add(tuple(sorted((path, path.read_bytes()) for path in files)))
    assert len(written) == 1
    assert len(next(iter(written))) == 4


@pytest.mark.parametrize(
    ("name", "argument", "says"),
    [
        ("train_classifier", "digit", "params.yaml: classifier: no 'digit'; did you mean 'digits'?"),
        ("train_classifier", "binarized_mnist", "binarized_mnist: train: has no labels"),
        ("measure_reference", "digits", "models/fidelity/digits/classifier.safetensors: not a readable"),
        ("measure_corruptions", "digits", "models/fidelity/digits/classifier.safetensors: not a readable"),
        ("score_samples", "uva_z3", "params.yaml: score.runs: no 'uva_z3'; did you mean 'uva_z2'?"),
        ("score_samples", "uva_z2", "models/fidelity/digits/classifier.safetensors: not a readable"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(stage, name, argument, says):
    code, message = stage(name, argument)
    assert code == 2
    assert message.startswith(says)
    assert message.count("\n") == 1
    assert not Path("models").exists()
    assert not Path("reports").exists()


def test_a_single_class_is_refused(stage):
    stage("train_classifier", "digits")
    splits = {name: Images(random_images(30, SHAPE), torch.zeros(30).long()) for name in ("train", "test")}
    write_dataset(Path("data/digits.safetensors"), Dataset("digits", splits, ""))
    for name in ("train_classifier", "measure_reference"):
        code, message = stage(name, "digits")
        assert code == 2
        assert "holds a single class; scores need at least 2" in message
