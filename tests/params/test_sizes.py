"""The rules of numbers of images and pixels, against the networks and scores that they are rules of."""

import pytest
import torch
from pydantic import ValidationError

from params.small import settings
from regen.fidelity.classifier import ClassifierNet
from regen.fidelity.scores import NEIGHBOURS
from regen.params import Params
from regen.params.sizes import FEWEST_SAMPLES
from regen.vae.networks import build_vae

HALVED = [{"channels": 2, "kernel": 3, "padding": 1, "pool": 2}] * 2  # 28 - 14 - 7
UP = [
    {"channels": 4, "kernel": 4},
    {"channels": 2, "kernel": 4},
    {"channels": 2, "kernel": 4, "stride": 2, "padding": 1},
    {"channels": 1, "kernel": 4, "stride": 2, "padding": 1},
]
SHAPE = 1, 28, 28


def taken(changes):
    """Return the settings with these changes, or None if they are refused."""
    try:
        return Params.model_validate(settings(changes))
    except ValidationError:
        return None


def trains(network, x):
    """Whether a network in training takes `x`."""
    try:
        network.train()(x)
    except ValueError as error:
        if "Expected more than 1 value per channel" not in str(error):
            raise
        return False
    return True


@pytest.mark.parametrize("latent", [1, 3])
@pytest.mark.parametrize(
    ("encoder", "decoder", "fine"),
    [
        (HALVED, UP, True),
        ([*HALVED, {"channels": 4, "kernel": 7}], UP, False),
        ([*HALVED, {"channels": 4, "kernel": 3, "pool": 5}], UP, True),  # one pixel, but after batch norm
        ([*HALVED, {"channels": 4, "kernel": 3, "stride": 7}], UP, False),
        (HALVED, [{"channels": 4, "kernel": 1}, *UP], False),
        (HALVED, [{"channels": 4, "kernel": 2, "pool": 2}, *UP], True),
        (HALVED, [{"channels": 1, "kernel": 28}], True),  # of the output layer alone
        ([*HALVED, 7], UP, False),
        (HALVED, [7, *UP], True),  # a linear layer of maps has no batch norm
        (HALVED, [7], False),
    ],
)
def test_an_image_alone_is_refused_where_batch_norm_refuses_it(encoder, decoder, fine, latent):
    torch.manual_seed(1)
    changes = {"vae.v.encoder": encoder, "vae.v.decoder": decoder, "vae.v.latent": latent}
    changes |= {"vae.v.batch_norm": True, "vae.v.planar_layers": 0}
    vae = build_vae(taken(changes | {"vae.v.batch_size": 50}).vae["v"], SHAPE)
    encodes, decodes = trains(vae.encoder, torch.rand(1, 784)), trains(vae.decoder, torch.rand(1, latent))
    assert (encodes and decodes) == fine
    assert [taken(changes | {"vae.v.batch_size": size}) is not None for size in (48, 1)] == [fine, fine]
    assert taken(changes | {"vae.v.batch_size": 48, "vae.v.batch_norm": False}) is not None


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize(("blocks", "fine"), [(0, True), (4, True), (5, False), (6, False)])
def test_an_image_alone_is_refused_where_a_classifier_refuses_it(blocks, fine, pool):
    widths = [2] * (blocks + 1)
    changes = {"classifier.digits.widths": widths, "classifier.digits.pool": pool}
    assert trains(ClassifierNet(SHAPE, 10, widths, pool), torch.zeros(1, *SHAPE, dtype=torch.uint8)) == fine
    assert (taken(changes | {"classifier.digits.batch_size": 48}) is not None) == fine
    assert taken(changes | {"classifier.digits.batch_size": 50}) is not None


def test_samples_that_precision_and_recall_need():
    assert FEWEST_SAMPLES == NEIGHBOURS + 1
