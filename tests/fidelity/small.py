"""Small classifiers, random Inceptions and random images, all seeded; a folder laid out as stages find it."""

from io import BytesIO

import torch
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torchvision.models import Inception3

from regen.artifacts import classifier_file, reference_file, write_tensors
from regen.artifacts.datasets import Images
from regen.fidelity.classifier import ClassifierNet, save_classifier
from regen.fidelity.extractors import inception_input, load_extractor
from regen.fidelity.reference import measure, write_reference
from regen.fidelity.scores import Scorer
from regen.params import Classifier, Score

CPU = torch.device("cpu")
SETTINGS = Score(
    extractor="classifier",
    weights={},
    samples=60,
    splits=4,
    batch_size=16,
    kid_subsets=5,
    kid_subset_size=20,
    runs={"some_run": "digits"},
    beside={},
)
TRAINING = Classifier(widths=[4, 8], epochs=2, batch_size=32, learning_rate=0.1, augment=False)


def random_images(count, shape=(1, 12, 12), seed=0, least=0):
    """Return noise, in each channel of each image of another strength, from `least` up."""
    generator = torch.Generator().manual_seed(seed)
    strength = torch.rand(count, shape[0], 1, 1, generator=generator)
    noise = torch.rand(count, *shape, generator=generator) * strength
    return (least + (255 - least) * noise).round().to(torch.uint8)


def random_classifier(shape=(1, 12, 12), widths=(8, 10), seed=0):
    """Return a network whose features tell images apart, and which gives each class some of them."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        network = ClassifierNet(shape, 10, list(widths))
        see(network, random_images(200, shape))
        network.head.weight.mul_(100)
        network.head.bias.copy_(-network.head.weight @ network(random_images(200, shape)).features.mean(0))
    return network


def see(network, x):
    """Have the batch norms of `network` take their statistics from the batch `x`, and stay with them."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    network.train()(x)
    network.eval()


def extractor_of(path, network=None, batch_size=16):
    save_classifier(path, network or random_classifier(), "digits")
    return load_extractor("classifier", path, CPU, batch_size)


def labelled(pixels):
    return Images(pixels, torch.arange(len(pixels)) % 10)


def scorer_of(path, count=80, batch_size=16, network=None, **changes):
    """Return a scorer against `count` random images, those of seed 1."""
    extractor = extractor_of(path, network, batch_size)
    reference = measure(extractor, labelled(random_images(count, seed=1)), "digits")
    return Scorer(extractor, reference, SETTINGS.model_copy(update=changes))


def lay_out(count=80):
    """Write the classifier of `digits` and its reference where `load_scorer` looks, in the working folder."""
    extractor = extractor_of(classifier_file("digits"))
    reference = measure(extractor, labelled(random_images(count, seed=1)), "digits")
    write_reference(reference_file("digits"), reference)
    return reference


def random_torchvision(path):
    """Save random weights of torchvision's Inception at `path`; return the state dict."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network = Inception3(init_weights=False)
        with torch.no_grad():
            see(network, inception_input(random_images(4, (3, 32, 32), seed=9)))
    write_tensors(path, network.state_dict())
    return network.state_dict()


def random_compat(path, monkeypatch):
    """Save random weights of torch-fidelity's Inception at `path`, as its own download is: a plain dict."""
    with torch.random.fork_rng(), monkeypatch.context() as patch:
        torch.manual_seed(6)
        patch.setattr(FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        empty = BytesIO()
        torch.save({}, empty)
        empty.seek(0)
        network = FeatureExtractorInceptionV3(
            "inception-v3-compat", ["2048"], feature_extractor_weights_path=empty
        )
    state = dict(network.state_dict())
    torch.save(state, path)
    return state
