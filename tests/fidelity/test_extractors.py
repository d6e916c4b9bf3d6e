"""The extractors: the protocol written out, with random weights; what they refuse."""

import pickle

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch_fidelity.utils import create_feature_extractor
from torchvision.models import Inception3

from fidelity.small import (
    CPU,
    extractor_of,
    labelled,
    random_classifier,
    random_compat,
    random_images,
    random_torchvision,
)
from regen.artifacts.datasets import Images
from regen.errors import InputError
from regen.fidelity.extractors import inception_input, load_extractor
from regen.fidelity.reference import measure, read_reference, write_reference
from regen.fidelity.weights import read_state
from regen.training.device import set_precision

COLOUR = (3, 32, 32)


def literal_input(images):
    """Images in [-1, 1] -> ImageNet's mean and deviation -> bilinear to 299 with aligned corners."""
    x = images.double() / 127.5 - 1
    x = (x + 1) / 2
    x[:, 0] = (x[:, 0] - 0.485) / 0.229
    x[:, 1] = (x[:, 1] - 0.456) / 0.224
    x[:, 2] = (x[:, 2] - 0.406) / 0.225
    height, width = x.shape[2:]
    rows, columns = (torch.arange(299).double() * (side - 1) / 298 for side in (height, width))
    top, left = rows.floor().long().clamp(max=height - 2), columns.floor().long().clamp(max=width - 2)
    down, right = (rows - top)[:, None], columns - left
    x = x[:, :, top] * (1 - down) + x[:, :, top + 1] * down
    return x[:, :, :, left] * (1 - right) + x[:, :, :, left + 1] * right


def literal_inception(network, x):
    """The network, layer by layer, to pooled features and logits."""
    x = network.Conv2d_2b_3x3(network.Conv2d_2a_3x3(network.Conv2d_1a_3x3(x)))
    x = network.Conv2d_4a_3x3(network.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
    x = network.Mixed_5d(network.Mixed_5c(network.Mixed_5b(F.max_pool2d(x, 3, 2))))
    x = network.Mixed_6e(network.Mixed_6d(network.Mixed_6c(network.Mixed_6b(network.Mixed_6a(x)))))
    x = network.Mixed_7c(network.Mixed_7b(network.Mixed_7a(x)))
    pooled = x.mean((2, 3))
    return pooled, pooled @ network.fc.weight.T + network.fc.bias


@pytest.fixture(scope="module")
def torchvision_weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "torchvision.safetensors"
    random_torchvision(path)
    return path


@pytest.fixture(scope="module")
def torchvision(torchvision_weights):
    return load_extractor("inception-torchvision", torchvision_weights, CPU, 2)


@pytest.fixture(scope="module")
def literal(torchvision_weights):
    network = Inception3(init_weights=False)  # transform_input is off
    network.load_state_dict(load_file(torchvision_weights))
    return network.eval()


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 64, 48), (3, 299, 299), (3, 400, 310)])
def test_inception_sees_what_the_protocol_says(shape):
    images = random_images(2, shape)
    torch.testing.assert_close(inception_input(images), literal_input(images), rtol=0, atol=1e-9)


def test_its_input_has_imagenet_s_mean_and_deviation_where_the_image_has():
    mean = torch.tensor([0.485, 0.456, 0.406]) * 255
    grey = mean.round().to(torch.uint8)[None, :, None, None].expand(1, 3, 8, 8)
    assert inception_input(grey).abs().max() < 0.5 / 255 / 0.224 + 1e-12
    white = inception_input(torch.full((1, 3, 8, 8), 255, dtype=torch.uint8))
    torch.testing.assert_close(white[0, :, 0, 0], (1 - mean / 255) / torch.tensor([0.229, 0.224, 0.225]))


@torch.no_grad()
def test_torchvision_s_features_and_logits_are_the_protocol_s(torchvision, literal):
    images = random_images(3, COLOUR)  # in batches of 2
    features, logits = literal_inception(literal, literal_input(images))
    encoded = torchvision(images)
    assert features.std(0).mean() > 0.1  # the images' doing, not the weights' alone
    assert encoded.features.shape == (3, 2048)
    assert encoded.logits.shape == (3, 1000)
    torch.testing.assert_close(encoded.features, features, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(encoded.logits, logits, rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_transform_input_would_be_another_protocol(torchvision, literal):
    images = random_images(1, COLOUR)
    literal.transform_input = True
    try:
        logits = literal(literal_input(images))
    finally:
        literal.transform_input = False
    assert (torchvision(images).logits - logits).abs().max() > 0.1


def test_grey_images_are_three_channels_alike(torchvision):
    grey = random_images(1, (1, 28, 28))
    torch.testing.assert_close(torchvision(grey), torchvision(grey.repeat(1, 3, 1, 1)))


@torch.no_grad()
def test_the_compatible_one_is_torch_fidelity_s(tmp_path, monkeypatch):
    path = tmp_path / "compat.pth"
    random_compat(path, monkeypatch)
    images = random_images(1, COLOUR)
    theirs = create_feature_extractor(
        "inception-v3-compat",
        ["2048", "logits_unbiased"],
        cuda=False,
        verbose=False,
        feature_extractor_weights_path=path,
    )
    state = torch.get_rng_state()
    ours = load_extractor("inception-v3-compat", path, CPU, 8)
    assert torch.equal(torch.get_rng_state(), state)
    encoded = ours(images)
    for one, other in zip(encoded, theirs(images), strict=True):
        torch.testing.assert_close(one, other)


def test_a_classifier_s_features_are_its_penultimate_layer(tmp_path):
    network, images = random_classifier(), random_images(20)
    encoded = extractor_of(tmp_path / "c.safetensors", network)(images)
    assert encoded.features.shape == (20, 10)
    torch.testing.assert_close(encoded.logits, network.head(encoded.features).detach())
    assert (encoded.features >= 0).all()
    assert not encoded.features.requires_grad


def test_features_are_measured_in_full_in_a_process_that_trains_in_tf32(tmp_path):
    set_precision("tf32", torch.device("cuda"))
    try:
        seen, extractor = [], extractor_of(tmp_path / "c.safetensors")
        extractor.network.register_forward_hook(lambda *_: seen.append(torch.get_float32_matmul_precision()))
        extractor(random_images(2))
        assert (seen, torch.get_float32_matmul_precision()) == (["highest"], "high")
    finally:
        set_precision("float64", CPU)


@pytest.mark.parametrize("shape", [(2, 32, 32), (4, 32, 32)])
def test_an_inception_takes_grey_or_colour(torchvision, shape):
    with pytest.raises(InputError, match="inception-torchvision takes 3 channels, or 1 of grey"):
        torchvision(random_images(2, shape))


@pytest.mark.parametrize("shape", [(3, 12, 12), (1, 13, 12)])
def test_a_classifier_takes_what_it_was_trained_on(tmp_path, shape):
    with pytest.raises(InputError, match=r"the classifier was trained on \(1, 12, 12\)"):
        extractor_of(tmp_path / "c.safetensors")(random_images(2, shape))


class Evil:
    def __reduce__(self):
        return print, ("code was run",)


@pytest.mark.parametrize("name", ["inception-torchvision", "inception-v3-compat"])
def test_a_pickle_that_would_run_code_is_refused_unrun(tmp_path, name, capfd):
    path = tmp_path / "weights.pth"
    torch.save({"fc.weight": Evil()}, path)
    with pytest.raises(InputError, match="a pickle that holds more than tensors"):
        load_extractor(name, path, CPU, 2)
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match=r"weights\.pth: "):
        load_extractor(name, path, CPU, 2)
    assert "code was run" not in capfd.readouterr().out


@pytest.mark.parametrize("name", ["inception-torchvision", "inception-v3-compat"])
def test_weights_of_another_architecture_are_refused(tmp_path, name):
    path = tmp_path / "weights.pth"
    torch.save({"fc.weight": torch.zeros(3, 2)}, path)
    with pytest.raises(InputError, match=f"not the weights of {name}"):
        load_extractor(name, path, CPU, 2)


def test_one_inception_s_weights_are_not_the_other_s(torchvision_weights):
    with pytest.raises(InputError, match="not the weights of inception-v3-compat"):
        load_extractor("inception-v3-compat", torchvision_weights, CPU, 2)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights", b"hello", b"PK\x03\x04 cut off"])
def test_damaged_weights_are_named(tmp_path, suffix, content):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"weights{suffix}: "):
        read_state(path)


def test_weights_cut_off_anywhere_are_named(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(3), "b": torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"weights\.pth: "):
            read_state(path)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {3: torch.zeros(1)}, {"a": 1.0}])
def test_something_else_than_a_state_dict_is_named(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(InputError, match="not tensors by name"):
        read_state(tmp_path / "weights.pth")


def test_a_reference_comes_back_as_it_was_written(tmp_path):
    path, extractor = tmp_path / "reference.safetensors", extractor_of(tmp_path / "c.safetensors")
    reference = measure(extractor, labelled(random_images(30)), "digits")
    write_reference(path, reference)
    found = read_reference(path, CPU)
    assert found.origin == reference.origin
    assert found.origin.shape == "1 x 12 x 12"
    assert torch.equal(found.features, reference.features)
    assert torch.equal(found.gaussian.root, reference.gaussian.root)
    assert found.gaussian.root.dtype == torch.float64


def test_a_reference_of_a_single_class_is_refused(tmp_path):
    extractor, pixels = extractor_of(tmp_path / "c.safetensors"), random_images(30)
    with pytest.raises(InputError, match="digits: test: holds a single class"):
        measure(extractor, Images(pixels, torch.full((30,), 7)), "digits")
    assert measure(extractor, Images(pixels, None), "digits").features.shape == (30, 10)
    with pytest.raises(InputError, match="holds a single image"):
        measure(extractor, Images(pixels[:1], None), "digits")


def test_a_file_that_is_no_reference_is_named(tmp_path):
    path = tmp_path / "c.safetensors"
    extractor_of(path)
    with pytest.raises(InputError, match="not a reference; run the stage measure_reference"):
        read_reference(path, CPU)
