"""Densities of images, and images of the normal's samples."""

import math

import pytest
import torch

from planar.small import RUN, grey_images, perturbed
from realnvp.small import built, literal_bits, uniform


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
