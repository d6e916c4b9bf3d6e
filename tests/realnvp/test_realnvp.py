"""RealNVP's masks, and couplings against the paper's masked networks."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from planar.small import RUN, SHAPE, grey_images, perturbed
from realnvp.small import SHAPES, built, literal_bits, masked_couplings, uniform
from regen.artifacts import write_tensors
from regen.bijections import AffineCoupling
from regen.errors import InputError
from regen.realnvp.networks import RealNVP, build_realnvp, checkerboard, conditioner, load_realnvp


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_checkerboard_has_no_neighbours_alike(shape):
    board = checkerboard(shape).unflatten(0, shape)
    assert board.dtype == torch.bool
    assert (board[:, 1:] != board[:, :-1]).all()
    assert (board[:, :, 1:] != board[:, :, :-1]).all()
    assert (board == board[:1]).all()
    assert abs(2 * int(board[0].sum()) - board[0].numel()) <= 1


def test_the_first_board():
    assert checkerboard((2, 2, 3)).int().tolist() == 2 * [0, 1, 0, 1, 0, 1]
    flow = RealNVP((1, 2, 3), 1, [4], 1e-3)
    assert flow.couplings[0].kept.tolist() == [1, 3, 5]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_boards_alternate_so_that_every_pixel_changes(shape):
    couplings = RealNVP(shape, 3, [4], 1e-3).couplings
    for one, next_one in pairwise(couplings):
        assert torch.equal(one.kept, next_one.changed)
        assert torch.equal(one.changed, next_one.kept)
    assert torch.equal(
        torch.cat([couplings[0].kept, couplings[0].changed]).sort().values, torch.arange(math.prod(shape))
    )


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 3, 3), (3, 4, 4)], ids=str)
def test_the_bits_are_those_of_the_paper_s_masked_networks(shape):
    flow = perturbed(shape)
    pixels, noise = grey_images(7, shape), uniform(7, math.prod(shape))
    found = flow.bits_per_dimension(pixels, noise)
    assert found.shape == (7,)
    torch.testing.assert_close(found, literal_bits(flow, masked_couplings(flow), pixels, noise))


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 3, 3)], ids=str)
def test_the_gradient_s_norm_is_that_of_the_paper_s_masked_networks(shape):
    """So that clipping it does the same: the weights that are left out have no gradient."""
    flow = perturbed(shape)
    pixels, noise = grey_images(7, shape), uniform(7, math.prod(shape))
    full = masked_couplings(flow)
    flow.bits_per_dimension(pixels, noise).mean().backward()
    literal_bits(flow, full, pixels, noise).mean().backward()

    def norm(modules):
        return nn.utils.get_total_norm([p.grad for each in modules for p in each.parameters()])

    assert norm(flow.couplings) > 0.1
    torch.testing.assert_close(norm(flow.couplings), norm(full))


def test_initial_weights_are_those_of_networks_that_see_the_whole_image():
    kept, changed, hidden = 20, 76, [500, 300]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        first, middle, last = (
            layer for layer in conditioner(kept, changed, hidden) if isinstance(layer, nn.Linear)
        )
        reference = nn.Linear(kept + changed, hidden[0])
    for layer in (first, middle, last, reference):
        layer.requires_grad_(False)
    bound = 1 / math.sqrt(kept + changed)
    for ours, theirs in ((first.weight, reference.weight), (first.bias, reference.bias)):
        assert 0.98 * bound < float(ours.abs().max()) <= bound
        assert 0.98 * bound < float(theirs.abs().max()) <= bound
        assert float(ours.std()) == pytest.approx(bound / math.sqrt(3), rel=0.05)
    assert float(middle.weight.abs().max()) == pytest.approx(1 / math.sqrt(500), rel=0.01)
    assert first.weight.shape == (500, 20)
    assert last.weight.shape == (2 * 76, 300)
    assert not last.weight.any()
    assert not last.bias.any()


@pytest.mark.parametrize("hidden", [[5], [5, 6, 7]])
def test_networks_of_any_depth(hidden):
    network = conditioner(3, 4, hidden)
    assert [layer.out_features for layer in network if isinstance(layer, nn.Linear)] == [*hidden, 8]
    assert not isinstance(network[-1], nn.ReLU)
    assert sum(isinstance(layer, nn.ReLU) for layer in network) == len(hidden)


def test_the_seed_decides_the_weights():
    flows = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        flows.append(built().state_dict())
    first = "couplings.0.network.0.weight"
    assert torch.equal(flows[0][first], flows[1][first])
    assert not torch.equal(flows[0][first], flows[2][first])
    assert not torch.equal(flows[0][first], flows[0]["couplings.2.network.0.weight"])


def test_weights_come_back(tmp_path):
    flow = perturbed()
    write_tensors(tmp_path / "weights.safetensors", flow.state_dict())
    loaded = load_realnvp("small", RUN, SHAPE, tmp_path / "weights.safetensors")
    pixels, noise = grey_images(9), uniform(9, 6)
    assert torch.equal(loaded.bits_per_dimension(pixels, noise), flow.bits_per_dimension(pixels, noise))
    assert not loaded.training


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({"couplings": 3}, SHAPE),
        ({"couplings": 5}, SHAPE),
        ({"hidden": [8]}, SHAPE),
        ({"hidden": [8, 9]}, SHAPE),
        ({}, (1, 3, 3)),
    ],
    ids=str,
)
def test_weights_of_another_run(tmp_path, changes, shape):
    file = tmp_path / "weights.safetensors"
    write_tensors(file, built().state_dict())
    with pytest.raises(InputError, match=rf"^{file}: not the weights of this run's networks \(") as caught:
        load_realnvp("small", RUN.model_copy(update=changes), shape, file)
    assert "\n" not in str(caught.value)


def test_no_weights(tmp_path):
    with pytest.raises(InputError, match=rf"^{tmp_path / 'none'}: not a readable safetensors file"):
        load_realnvp("small", RUN, SHAPE, tmp_path / "none")


def test_images_with_nothing_to_couple():
    with pytest.raises(InputError, match=r"^params.yaml: realnvp.small.data: images of shape \(1, 1, 1\) "):
        build_realnvp("small", RUN, (1, 1, 1))


@pytest.mark.parametrize(
    ("couplings", "alpha", "message"), [(0, 0.1, "couplings: 0: "), (2, 0.0, "logit: alpha 0.0: ")]
)
def test_settings_that_make_no_flow(couplings, alpha, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        RealNVP(SHAPE, couplings, [4], alpha)
    with pytest.raises(InputError, match=f"^params.yaml: realnvp.small: {message}"):
        built(couplings=couplings, alpha=alpha)


def test_couplings_are_maps_of_their_own():
    assert all(isinstance(each, AffineCoupling) for each in built().couplings)
    assert len(built(couplings=7).couplings) == 7
    assert len(built().flow.maps) == 1 + RUN.couplings
