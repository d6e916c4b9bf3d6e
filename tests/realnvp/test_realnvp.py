import math
from itertools import pairwise

import pytest
import torch
from planar.small import RUN, SHAPE, grey_images, perturbed
from torch import nn

from regen.artifacts import write_tensors
from regen.bijections import AffineCoupling
from regen.errors import InputError
from regen.realnvp.networks import RealNVP, build_realnvp, checkerboard, conditioner, load_realnvp

SHAPES = [(1, 1, 2), (1, 2, 3), (2, 3, 3), (3, 4, 5), (1, 28, 28)]


def built(**changes):
    return build_realnvp("small", RUN.model_copy(update=changes), SHAPE)


def uniform(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# ---- masks -----------------------------------------------------------------------------------------------


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


# ---- the paper's network ---------------------------------------------------------------------------------


class Masked(nn.Module):
    """The paper's coupling: the network sees the masked image and gives scale and shift of all of it."""

    def __init__(self, ours, mask, seed):
        super().__init__()
        self.mask = mask.double()
        reduced = [layer for layer in ours.network if isinstance(layer, nn.Linear)]
        d, generator = len(mask), torch.Generator().manual_seed(seed)
        sizes = [d, *(layer.out_features for layer in reduced[:-1]), 2 * d]
        full = []
        for i, layer in enumerate(reduced):
            linear = nn.Linear(sizes[i], sizes[i + 1]).double()
            for parameter in linear.parameters():  # dead weights are anything
                parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            inputs = mask if i == 0 else torch.ones(sizes[i], dtype=torch.bool)
            outputs = (
                torch.cat([~mask] * 2)
                if i == len(reduced) - 1
                else torch.ones(sizes[i + 1], dtype=torch.bool)
            )
            linear.weight.data[outputs.nonzero(), inputs.nonzero()[:, 0]] = layer.weight.data
            linear.bias.data[outputs] = layer.bias.data
            full += [linear, nn.ReLU()]
        self.network = nn.Sequential(*full[:-1])

    def forward(self, x):
        s, t = self.network(self.mask * x).chunk(2, -1)
        s = (1 - self.mask) * s.tanh()
        return self.mask * x + (1 - self.mask) * (x * s.exp() + t), s.sum(-1)


def masked_couplings(flow):
    mask = checkerboard(flow.shape)
    return [
        Masked(coupling, mask if i % 2 == 0 else ~mask, seed=i) for i, coupling in enumerate(flow.couplings)
    ]


def literal_bits(flow, maps, pixels, noise):
    """Return bits per dimension as the paper and the course write them, with `maps` for the couplings."""
    alpha, (_, d) = flow.logit.alpha, pixels.shape
    x = (pixels.double() + noise) / 256
    p = alpha / 2 + (1 - alpha) * x
    log_det = -d * math.log(256) + (math.log(1 - alpha) - p.log() - (1 - p).log()).sum(-1)
    z = p.log() - (1 - p).log()
    for each in maps:
        z, ladj = each(z)
        log_det = log_det + ladj
    log_p = (-(z**2) / 2 - math.log(2 * math.pi) / 2).sum(-1) + log_det
    return -log_p / (d * math.log(2))


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


# ---- densities -------------------------------------------------------------------------------------------


def test_at_first_a_flow_is_a_logit_and_a_standard_normal():
    flow, pixels, noise = built().double(), grey_images(9), uniform(9, 6)
    z = flow.encode(pixels, noise).z
    alpha = RUN.alpha
    x = (pixels.double() + noise) / 256
    torch.testing.assert_close(z, torch.logit(alpha / 2 + (1 - alpha) * x))
    found = flow.bits_per_dimension(pixels, noise)
    torch.testing.assert_close(found, literal_bits(flow, [], pixels, noise))
    grey = torch.full((1, 6), 128, dtype=torch.uint8)  # z = 0, where the logit has slope 4 (1 - alpha)
    expected = math.log2(256 * math.sqrt(2 * math.pi) / (4 * (1 - alpha)))
    assert flow.bits_per_dimension(grey, torch.zeros(1, 6).double()).tolist() == [pytest.approx(expected)]


@pytest.mark.parametrize("seed", range(5))
def test_log_densities_are_the_normal_s_and_the_jacobian_s(seed):
    flow, pixels, noise = perturbed(seed=seed), grey_images(1, seed=seed)[0], uniform(6, seed=seed)
    encoded = flow.encode(pixels, noise)
    jacobian = torch.autograd.functional.jacobian(lambda noise: flow.encode(pixels, noise).z, noise)
    log_normal = torch.distributions.Normal(0.0, 1.0).log_prob(encoded.z).sum()
    torch.testing.assert_close(encoded.log_prob, log_normal + torch.linalg.slogdet(jacobian).logabsdet)


@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_the_probabilities_of_all_images_of_two_pixels_add_up_to_1(seed):
    flow = perturbed((1, 1, 2), scale=0.2, seed=seed, alpha=1e-5)
    levels = torch.arange(256, dtype=torch.uint8)
    pixels = torch.cartesian_prod(levels, levels)
    corners = torch.tensor([[a, b] for a in (0.25, 0.75) for b in (0.25, 0.75)], dtype=torch.float64)
    mass = [flow.encode(pixels, corner.expand(len(pixels), 2)).log_prob.exp().mean() for corner in corners]
    assert float(flow.encode(pixels, corners[:1].expand(len(pixels), 2)).log_prob.std()) > 0.1
    assert float(sum(mass) / 4 * 256**2) == pytest.approx(1, abs=2e-3)


def test_each_image_has_its_own_bits():
    flow, pixels, noise = perturbed(), grey_images(6), uniform(6, 6)
    whole = flow.bits_per_dimension(pixels, noise)
    for i in range(6):
        torch.testing.assert_close(flow.bits_per_dimension(pixels[i : i + 1], noise[i : i + 1])[0], whole[i])


def test_float32_is_float64_to_rounding():
    flow, pixels, noise = (
        perturbed(),
        torch.cat([grey_images(50), torch.tensor([[0] * 6, [255] * 6]).byte()]),
        uniform(52, 6),
    )
    exact = flow.bits_per_dimension(pixels, noise.float().double())
    single = flow.float().bits_per_dimension(pixels, noise.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-4, atol=1e-4)


# ---- images ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 2, 3), (3, 4, 5)], ids=str)
def test_decoding_gives_back_what_was_encoded(shape):
    flow = perturbed(shape)
    pixels, noise = grey_images(40, shape), uniform(40, math.prod(shape))
    x = (pixels.double() + noise) / 256
    torch.testing.assert_close(flow.decode(flow.encode(pixels, noise).z), x, rtol=0, atol=1e-12)
    single = flow.float()
    back = single.decode(single.encode(pixels, noise.float()).z)
    torch.testing.assert_close(back.double(), x, rtol=0, atol=1e-4)


def test_encoding_gives_back_what_was_decoded():
    flow = perturbed()
    z = torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(flow.flow.forward(flow.decode(z)).y, z)


def test_samples_are_images():
    flow, noise = (
        perturbed((3, 4, 5)),
        torch.randn(7, 60, generator=torch.Generator().manual_seed(0)).double(),
    )
    images = flow.sample(noise, 0.7)
    assert (images.shape, images.dtype) == ((7, 3, 4, 5), torch.uint8)
    assert images.unique().numel() > 20
    expected = (flow.decode(0.7 * noise) * 256).clamp(0, 255).byte()
    assert torch.equal(images.flatten(1), expected)
    assert torch.equal(flow.sample(noise[2:3], 0.7)[0], images[2])


def test_the_colder_the_less_they_differ():
    flow, noise = perturbed(), torch.randn(50, 6, generator=torch.Generator().manual_seed(0)).double()
    spreads = [float(flow.sample(noise, t).double().std(0).mean()) for t in (1e-4, 0.3, 1.0)]
    assert spreads == sorted(spreads)
    frozen = flow.sample(noise, 1e-4).int()
    assert (frozen - frozen[0]).abs().max() <= 1
    assert spreads[2] > 10


# ---- building and loading --------------------------------------------------------------------------------


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
