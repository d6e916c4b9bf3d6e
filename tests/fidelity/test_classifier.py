"""The classifier: its network, its training on the digits, augmentation, disagreement."""

from dataclasses import replace

import pandas as pd
import pytest
import torch

from fidelity.small import CPU, TRAINING, labelled, random_classifier, random_images, see
from regen.artifacts.datasets import Images
from regen.data.digits import embedded_digits
from regen.errors import InputError
from regen.fidelity.classifier import (
    ClassifierNet,
    accuracy,
    disagreement,
    load_classifier,
    predict,
    save_classifier,
)
from regen.fidelity.training import (
    CROP,
    ClassifierLearner,
    augmented,
    check_labels,
    summary,
)
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, set_precision
from training.toy import fit_epochs, stopped_at

LEARNING = TRAINING.model_copy(update={"widths": [4, 8, 16, 32], "epochs": 4})
DIGITS = embedded_digits((1297, 250, 250))


def learner_of(train, valid=None, settings=TRAINING, seed=0):
    torch.manual_seed(seed)
    network = ClassifierNet(tuple(train.pixels.shape[1:]), 10, settings.widths, settings.pool)
    return ClassifierLearner(network, settings, train, valid, autocast("float64", CPU))


def train(learner, folder, settings=TRAINING):
    size = {"epochs": settings.epochs, "batch_size": settings.batch_size}
    return fit_epochs(learner, learner.rows, Checkpoint(folder), save_every=1, **size)


@pytest.fixture(scope="module", params=[False, True], ids=["strided", "pooled"])
def trained(request, tmp_path_factory):
    settings = LEARNING.model_copy(update={"pool": request.param})
    learner = learner_of(DIGITS["train"], DIGITS["valid"], settings)
    return learner.network, train(learner, tmp_path_factory.mktemp("checkpoint"), settings)


def test_it_learns_the_digits(trained):
    network, fitted = trained
    report = summary(network, "digits", DIGITS["test"], fitted.table.assign(step=0))
    assert report["test_accuracy"] > 0.93
    assert report["valid_accuracy"] > 0.93
    assert report["train_accuracy"] > report["test_accuracy"] - 0.05
    assert (report["data"], report["epochs"], report["features"], report["test_images"]) == (
        "digits",
        4,
        32,
        250,
    )
    assert report["parameters"] == sum(p.numel() for p in network.parameters())


def test_its_features_keep_the_digits_apart(trained):
    """The nearest class mean in feature space is as good as its last layer, give or take."""
    network, _ = trained
    network.eval()
    with torch.no_grad():
        train, test = (network(DIGITS[split].pixels).features for split in ("train", "test"))
    means = torch.stack([train[DIGITS["train"].labels == digit].mean(0) for digit in range(10)])
    nearest = torch.cdist(test, means).argmin(1)
    assert (nearest == DIGITS["test"].labels).float().mean() > 0.9
    assert train.shape == (1297, 32)
    assert torch.linalg.matrix_rank(train.double().T.cov()) == 32


def test_disagreement_is_the_share_of_images_of_another_class(trained):
    network, _ = trained
    images = DIGITS["test"].pixels
    assert disagreement(network, images, images) == 0
    shuffled = images.roll(1, 0)
    expected = (predict(network, images) != predict(network, shuffled)).float().mean()
    assert disagreement(network, images, shuffled) == pytest.approx(float(expected))
    assert disagreement(network, images, shuffled) > 0.7
    noise = random_images(250, (1, 28, 28), seed=4).float()
    blurred = (0.9 * images.float() + 0.1 * noise).to(torch.uint8)
    assert disagreement(network, images, blurred) < 0.1


def test_predicting_changes_nothing(trained):
    network, _ = trained
    for training in (True, False):
        network.train(training)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        predict(network, DIGITS["test"].pixels)
        assert network.training is training
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_stopped_and_resumed_equals_uninterrupted(tmp_path):
    images, settings = labelled(random_images(70)), TRAINING.model_copy(update={"augment": True})
    whole, stopped, resumed = (learner_of(images, images, settings, seed) for seed in (0, 0, 1))
    expected = train(whole, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(stopped_at(stopped, -(-70 // settings.batch_size) + 1), tmp_path / "stopped")
    fitted = train(resumed, tmp_path / "stopped")
    pd.testing.assert_frame_equal(fitted.table, expected.table, check_exact=True)
    assert all(map(torch.equal, resumed.network.parameters(), whole.network.parameters()))


def test_without_validation_images_there_is_no_score(tmp_path):
    fitted = train(learner_of(labelled(random_images(40))), tmp_path)
    assert list(fitted.table.columns) == ["epoch", "train_loss", "train_accuracy"]


def test_the_step_size_goes_up_and_down_to_nothing():
    settings = TRAINING.model_copy(update={"epochs": 20})
    learner = learner_of(labelled(random_images(64)), settings=settings)
    rates = []
    for batch in learner.rows.split(settings.batch_size) * settings.epochs:
        learner.step(batch)
        rates.append(learner.schedule.get_last_lr()[0])
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[0] < settings.learning_rate / 2
    assert rates[top] == pytest.approx(settings.learning_rate, rel=0.05)
    assert rates[-1] < settings.learning_rate / 100


def test_smoothed_labels_are_spread_over_all_classes():
    images, smoothing = labelled(random_images(20)), 0.3
    learner = learner_of(images, settings=TRAINING.model_copy(update={"label_smoothing": smoothing}))
    log_p = learner.network(images.pixels).logits.log_softmax(1)
    right = log_p[torch.arange(20), images.labels]
    expected = -((1 - smoothing) * right + smoothing * log_p.mean(1)).mean()
    learner.augment = False
    assert learner.step(learner.rows)[0].item() == pytest.approx(expected.item(), rel=1e-12)


@pytest.mark.parametrize("precision", ["auto", "float64", "float32", "tf32", "bfloat16"])
def test_every_precision_trains(precision, request):
    request.addfinalizer(lambda: set_precision("float64", CPU))  # for the fixtures of other modules
    set_precision(precision, CPU)
    images = labelled(random_images(64))
    network = ClassifierNet((1, 12, 12), 10, [4, 8])
    learner = ClassifierLearner(network, TRAINING, images, None, autocast(precision, CPU))
    terms = learner.step(learner.rows)
    assert terms.dtype == (torch.float64 if precision == "float64" else torch.float32)
    assert {p.dtype for p in network.parameters()} == {terms.dtype}
    assert terms.isfinite().all()
    assert not terms.requires_grad


def test_augmented_images_are_shifted_or_mirrored_parts():
    """A bright pixel in the middle stays one bright pixel, at most CROP pixels off; all shifts occur."""
    images = torch.zeros(3000, 1, 21, 21, dtype=torch.uint8)
    images[:, :, 10, 10] = 255
    torch.manual_seed(0)
    found = augmented(images)
    assert found.dtype == torch.uint8
    assert found.shape == images.shape
    assert found.stride() == images.stride()
    assert (found.long().sum((1, 2, 3)) == 255).all()
    places = found.nonzero()[:, 2:]
    assert (places - 10).abs().max() == CROP
    assert len(places.unique(dim=0)) == (2 * CROP + 1) ** 2


def test_a_mirroring_classifier_sees_no_sides_except_in_training():
    pixels = random_images(8, (3, 12, 12))
    torch.manual_seed(0)
    network = ClassifierNet((3, 12, 12), 10, [4, 8], mirror=True)
    see(network, pixels)
    expected = network(pixels)
    network.mirror = False
    both = network(pixels).features, network(pixels.flip(3)).features
    torch.testing.assert_close(expected.features, sum(both) / 2)
    torch.testing.assert_close(expected.logits, network.head(expected.features))
    assert not torch.allclose(*both)
    network.mirror = True
    assert not torch.allclose(*(network.train()(side).features for side in (pixels, pixels.flip(3))))


def test_about_half_of_the_augmented_images_are_mirrored_whole():
    ramp = torch.arange(16, dtype=torch.uint8).expand(2000, 3, 16, 16)
    torch.manual_seed(0)
    rising = augmented(ramp).float().diff(dim=-1).mean((1, 2, 3)) > 0
    assert rising.float().mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("mirror", [False, True])
def test_saved_and_loaded_it_sees_the_same(tmp_path, trained, mirror, monkeypatch):
    path, network, images = tmp_path / "c.safetensors", trained[0].eval(), DIGITS["test"].pixels[:9]
    monkeypatch.setattr(network, "mirror", mirror)
    save_classifier(path, network, "digits")
    state = torch.get_rng_state()
    loaded = load_classifier(path)
    assert torch.equal(torch.get_rng_state(), state)
    assert not loaded.training
    assert torch.equal(loaded(images).logits, network(images).logits)


def test_a_file_that_is_no_classifier_is_named(tmp_path):
    path, network = tmp_path / "c.safetensors", random_classifier()
    with pytest.raises(InputError, match=r"c\.safetensors"):
        load_classifier(path)
    network.widths = [8, 11]
    save_classifier(path, network, "digits")
    with pytest.raises(InputError, match=r"not a classifier .*run the stage train_classifier"):
        load_classifier(path)


def test_labels_are_needed_and_of_more_than_one_class():
    images = labelled(random_images(30))
    assert check_labels(images, "digits: train") == 10
    with pytest.raises(InputError, match="binarized_mnist: train: has no labels"):
        check_labels(Images(images.pixels, None), "binarized_mnist: train")
    with pytest.raises(InputError, match="digits: train: holds a single class"):
        check_labels(replace(images, labels=torch.zeros(30, dtype=torch.int64)), "digits: train")


def test_accuracy_is_the_share_of_right_answers():
    network, images = random_classifier(), random_images(30)
    classes = predict(network, images)
    wrong = torch.where(torch.arange(30) < 6, (classes + 1) % 10, classes)
    assert accuracy(network, Images(images, wrong)) == pytest.approx(0.8)
