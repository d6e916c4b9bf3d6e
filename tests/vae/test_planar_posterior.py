"""Planar maps after the Gaussian posterior: densities by Jacobians, by inversion and by integration."""

import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal, kl_divergence

from regen.bijections import Planar
from regen.vae.elbo import elbo
from regen.vae.networks import VAE
from regen.vae.posterior import DiagonalGaussian, PlanarPosterior, standard_normal_log_prob
from vae.small import last_linear, vae_of

N, D = 4, 2


def numbers(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def planar(layers=3, n=N, d=D, gain=1.0, seed=0):
    """Return N posteriors of `layers` maps in float64: the larger `gain`, the more they bend the Gaussian."""
    mu, logvar = numbers(2, n, d, seed=seed)
    outputs = gain * numbers(n, layers * (2 * d + 1), seed=seed + 1)
    return PlanarPosterior.from_outputs(DiagonalGaussian(mu, logvar), outputs)


def wu(q):
    return torch.stack([(each.w * each.u).sum(-1) for each in q.maps])


def smooth(layers=3, n=1):
    """Return posteriors that a grid can tell of: neither flat nor steep, and not Gaussian at all."""
    q = planar(layers, n, gain=0.8)
    return PlanarPosterior(DiagonalGaussian(0.5 * q.base.mu, 0.3 * q.base.logvar), q.maps)


def plane(half=8.0, points=321):
    """Return the points of a square grid, (points^2, 2), and the area of a cell."""
    axis = torch.linspace(-half, half, points, dtype=torch.float64)
    return torch.cartesian_prod(axis, axis), float(axis[1] - axis[0]) ** 2


def assert_same(some, other, **tolerance):
    torch.testing.assert_close(some.z, other.z, **tolerance)
    torch.testing.assert_close(some.log_prob, other.log_prob, **tolerance)


# ---- sampling and density --------------------------------------------------------------------------------


def test_a_sample_is_the_mapped_one_with_the_parameters_in_the_order_u_w_b():
    base = DiagonalGaussian(*numbers(2, N, D))
    outputs, noise = 0.4 * numbers(N, 2, 2 * D + 1, seed=1), numbers(N, D, seed=2)
    z = base.sample(noise).z
    for i in range(2):
        u, w, b = outputs[:, i, :D], outputs[:, i, D : 2 * D], outputs[:, i, -1]
        assert ((w * u).sum(-1) > -1).all()  # then u stays what it is
        z = z + u * torch.tanh((w * z).sum(-1) + b)[:, None]
    q = PlanarPosterior.from_outputs(base, outputs.flatten(1))
    torch.testing.assert_close(q.sample(noise).z, z)
    assert (z - base.sample(noise).z).abs().max() > 0.1


@pytest.mark.parametrize(("layers", "d", "gain"), [(1, 1, 1.0), (3, 2, 1.0), (5, 3, 0.5), (4, 2, 3.0)])
def test_its_density_is_that_of_the_noise_over_the_change_of_volume(layers, d, gain):
    q, noise = planar(layers, d=d, gain=gain), numbers(N, d, seed=2)
    sample = q.sample(noise)
    assert sample.log_prob.shape == (N,)
    for n in range(N):
        jacobian = torch.autograd.functional.jacobian(lambda e, n=n: q[n].sample(e).z, noise[n])
        expected = standard_normal_log_prob(noise[n]) - jacobian.slogdet().logabsdet
        torch.testing.assert_close(sample.log_prob[n], expected)


@pytest.mark.parametrize("gain", [0.3, 1.0, 2.0])
def test_a_sample_s_density_is_the_density_at_the_sample(gain):
    q, noise = planar(n=200, gain=gain), numbers(200, D, seed=2)
    assert gain < 1 or wu(q).min() < -1  # some of them would fold the plane if u were not moved
    sample = q.sample(noise)
    well = (q.base.sample(noise).z - q._flow.inverse(sample.z)).abs().amax(-1) < 1e-9
    assert well.double().mean() > 0.95  # next to w.u = -1, z says little of where it came from
    torch.testing.assert_close(q.log_prob(sample.z)[well], sample.log_prob[well], rtol=0, atol=1e-6)


@pytest.mark.parametrize("layers", [1, 3])
def test_it_integrates_to_one(layers):
    q, (grid, cell) = smooth(layers, n=3), plane()
    mass = q[:, None].log_prob(grid).exp().sum(1) * cell
    torch.testing.assert_close(mass, torch.ones(3).double(), rtol=0, atol=1e-4)


def test_samples_are_where_the_density_is():
    q, (grid, cell) = smooth(), plane()
    mass = q.log_prob(grid).exp() * cell
    z = q[:, None].sample(numbers(1, 200_000, D, seed=3)).z[0]
    features = {"z": lambda z: z, "z^2": torch.square, "sin": lambda z: (3 * z).sin()}
    for name, f in features.items():
        error = f(z).std(0) / 200_000**0.5
        expected = (mass[:, None] * f(grid)).sum(0)
        assert ((f(z).mean(0) - expected).abs() < 4 * error + 1e-4).all(), name


# ---- the Gaussian within ---------------------------------------------------------------------------------


def without_u(q):
    return PlanarPosterior(q.base, tuple(Planar(0 * each.u, each.w, each.b) for each in q.maps))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-12)])
def test_without_u_it_is_the_gaussian_to_rounding(dtype, tolerance):
    mu, logvar, noise = numbers(3, 50, D).to(dtype)
    base, maps = DiagonalGaussian(mu, logvar), numbers(50, 3 * (2 * D + 1), seed=1).to(dtype)
    q = without_u(PlanarPosterior.from_outputs(base, maps))
    assert_same(q.sample(noise), base.sample(noise), rtol=tolerance, atol=tolerance)
    z = numbers(50, D, seed=3).to(dtype)
    torch.testing.assert_close(q.log_prob(z), base.log_prob(z), rtol=tolerance, atol=tolerance)


def test_no_maps_are_the_gaussian():
    q, noise = planar(layers=3), numbers(N, D, seed=2)
    assert_same(PlanarPosterior(q.base, ()).sample(noise), q.base.sample(noise))


# ---- images and samples of each --------------------------------------------------------------------------


def test_many_samples_of_each_image():
    q, noise = planar(), numbers(N, 6, D, seed=2)
    sample = q[:, None].sample(noise)
    assert sample.z.shape == (N, 6, D)
    assert sample.log_prob.shape == (N, 6)
    for k in range(6):
        one = q.sample(noise[:, k])
        torch.testing.assert_close(sample.z[:, k], one.z)
        torch.testing.assert_close(sample.log_prob[:, k], one.log_prob)
        torch.testing.assert_close(q[:, None].log_prob(sample.z)[:, k], q.log_prob(one.z))


@pytest.mark.parametrize(
    "index", [slice(1, 3), slice(0, 1), slice(2, None), 3, torch.tensor([3, 0, 3])], ids=str
)
def test_some_of_the_images(index):
    q, noise = planar(), numbers(N, D, seed=2)
    whole = q.sample(noise)
    some = q[index].sample(noise[index])
    torch.testing.assert_close(some.z, whole.z[index])
    torch.testing.assert_close(some.log_prob, whole.log_prob[index])
    torch.testing.assert_close(q[index].log_prob(some.z), q.log_prob(whole.z)[index])
    torch.testing.assert_close(q[index].kl(some), q.kl(whole)[index])


def test_an_image_s_posterior_does_not_depend_on_its_batch():
    vae = vae_of((1, 4, 4), encoder_gain=2.0, planar_layers=3)
    x, noise = numbers(9, 16).sigmoid(), numbers(9, 2, seed=1)
    whole = vae.posterior(x).sample(noise)
    for part in (slice(0, 1), slice(4, 9)):
        alone = vae.posterior(x[part]).sample(noise[part])
        torch.testing.assert_close(alone.z, whole.z[part])
        torch.testing.assert_close(alone.log_prob, whole.log_prob[part])
    assert whole.z.std() > 0.1


# ---- divergence ------------------------------------------------------------------------------------------


def test_the_divergence_is_right_on_average():
    """Against the integral of q (log q - log p) over the plane, and spread around it."""
    q, (grid, cell) = smooth(), plane()
    log_q = q.log_prob(grid)
    exact = (log_q.exp() * (log_q - standard_normal_log_prob(grid))).sum().item() * cell
    many = q[:, None]
    estimates = many.kl(many.sample(numbers(1, 200_000, D, seed=3)))[0]
    error = estimates.std().item() / 200_000**0.5
    assert error < 0.01
    assert estimates.mean().item() == pytest.approx(exact, abs=4 * error + 1e-4)


def test_without_u_it_is_the_closed_form_on_average():
    q = without_u(planar())
    estimates = q[:, None].kl(q[:, None].sample(numbers(N, 100_000, D, seed=3)))
    assert estimates.shape == (N, 100_000)
    expected = kl_divergence(
        Independent(Normal(q.base.mu, (q.base.logvar / 2).exp()), 1),
        Independent(Normal(torch.zeros(N, D).double(), 1.0), 1),
    )
    error = estimates.std(1) / 100_000**0.5
    assert ((estimates.mean(1) - expected).abs() < 4 * error).all()


# ---- gradients -------------------------------------------------------------------------------------------


def test_gradients_go_through_the_sample():
    noise, start = numbers(N, D, seed=2), planar()

    def of(mu, logvar, outputs):
        q = PlanarPosterior.from_outputs(DiagonalGaussian(mu, logvar), outputs)
        sample = q.sample(noise)
        return sample.z.sin(), sample.log_prob, q.kl(sample)

    parameters = [start.base.mu, start.base.logvar, numbers(N, 3 * (2 * D + 1), seed=1)]
    assert (wu(start) < -1).any()  # where u is moved as well
    assert torch.autograd.gradcheck(of, [each.requires_grad_() for each in parameters])


def test_gradients_of_the_bound_reach_every_output_of_the_encoder():
    vae = vae_of((1, 4, 4), gain=2.0, encoder_gain=2.0, planar_layers=3)
    elbo(vae, numbers(20, 16).sigmoid(), numbers(20, 2, seed=1)).value.mean().backward()
    last = last_linear(vae.encoder)
    assert last.bias.shape == (2 * 2 + 3 * 5,)
    assert (last.bias.grad.abs() > 1e-6).all()
    assert all(parameter.grad.isfinite().all() for parameter in vae.parameters())


class TwoSided(nn.Module):
    """A decoder of four pixels that sees |z| only: the posterior of a white image has two modes."""

    def forward(self, z):
        return (2 * z.abs() - 2).expand(*z.shape[:-1], 4)


class Free(nn.Module):
    """An encoder whose outputs are parameters, alike for all x."""

    def __init__(self, outputs):
        super().__init__()
        self.outputs = nn.Parameter(torch.tensor(outputs))

    def forward(self, x):
        return self.outputs.expand(len(x), -1)


def best_bound(outputs):
    """Return the bound of a white image after fitting q to it from those outputs on, in nats."""
    vae = VAE(Free(outputs), TwoSided(), 1, (1, 2, 2))
    optimizer = torch.optim.Adam(vae.encoder.parameters(), lr=0.03)
    noise = torch.special.ndtri((torch.arange(256) + 0.5) / 256)[:, None]
    for _ in range(400):
        optimizer.zero_grad()
        loss = -elbo(vae, torch.ones(256, 4), noise).value.mean()
        loss.backward()
        optimizer.step()
    return -loss.item()


def test_one_map_fits_a_posterior_of_two_modes_which_no_gaussian_does():
    z = torch.linspace(-9, 9, 20_001).double()[:, None]
    log_joint = nn.functional.logsigmoid(TwoSided()(z)).sum(-1) + standard_normal_log_prob(z)
    log_p = log_joint.logsumexp(0).item() + math.log(float(z[1] - z[0]))
    gaussian = best_bound([1.5, -2.0])
    bent = best_bound([0.0, 0.0, 1.0, 1.0, 0.0])
    assert gaussian < log_p - 0.65  # one mode of two costs log 2 = 0.69
    assert log_p - 0.2 < bent < log_p
