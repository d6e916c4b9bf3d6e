import pytest
import torch
from torch.distributions import Normal, kl_divergence

from regen.training.device import autocast, set_precision
from regen.vae.elbo import elbo
from regen.vae.posterior import DiagonalGaussian, PlanarPosterior
from vae.small import literal_log_joint, literal_log_likelihood, literal_log_weights, vae_of

CPU = torch.device("cpu")


def inputs(count=9, pixels=6, latent=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(count, pixels, generator=generator)
    return x, torch.randn(count, latent, generator=generator)


def test_the_bound_as_the_paper_writes_it():
    vae = vae_of(gain=2.0, encoder_gain=2.0)
    x, noise = inputs()
    mu, logvar = vae.encoder(x).chunk(2, -1)
    sigma = (logvar / 2).exp()
    bound = elbo(vae, x, noise)
    torch.testing.assert_close(
        bound.log_likelihood, literal_log_likelihood(x, vae.decoder(mu + sigma * noise))
    )
    torch.testing.assert_close(bound.kl, kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0)).sum(-1))
    torch.testing.assert_close(bound.value, bound.log_likelihood - bound.kl)
    assert bound.value.shape == (9,)


def test_the_bound_after_planar_maps_is_the_log_weight_of_its_one_sample():
    vae = vae_of(gain=2.0, encoder_gain=2.0, planar_layers=3)
    x, noise = inputs()
    bound = elbo(vae, x, noise)
    q = vae.posterior(x)
    z = q.sample(noise).z
    torch.testing.assert_close(bound.log_likelihood, literal_log_likelihood(x, vae.decoder(z)))
    log_q = q[:, None].log_prob(z[:, None])
    torch.testing.assert_close(bound.value, (literal_log_joint(vae, x, z[:, None]) - log_q).squeeze(1))


@pytest.mark.parametrize("planar_layers", [0, 2])
def test_noise_is_drawn_from_the_global_stream(planar_layers):
    vae, (x, noise) = vae_of(planar_layers=planar_layers), inputs()
    torch.manual_seed(4)
    drawn = elbo(vae, x)
    torch.manual_seed(4)
    given = elbo(vae, x, torch.randn_like(noise))
    assert torch.equal(drawn.value, given.value)
    assert not torch.equal(drawn.value, elbo(vae, x).value)


def test_the_noise_is_standard_normal():
    vae, x = vae_of(gain=2.0, encoder_gain=2.0), inputs(1)[0].expand(100_000, 6)
    generator = torch.Generator().manual_seed(2)
    torch.manual_seed(1)
    drawn = elbo(vae, x).log_likelihood
    given = elbo(vae, x, torch.randn(100_000, 2, generator=generator)).log_likelihood
    error = (drawn.var() / 1e5 + given.var() / 1e5).sqrt()
    assert error < 0.02
    assert abs(drawn.mean() - given.mean()) < 4 * error


def test_its_expectation_is_that_of_the_log_weight():
    vae, (x, _) = vae_of(gain=2.0, encoder_gain=2.0), inputs(5)
    many = x.repeat_interleave(20_000, 0)
    noise = torch.randn(len(many), 2, generator=torch.Generator().manual_seed(3))
    bound = elbo(vae, many, noise).value.unflatten(0, (5, -1))
    mu, logvar = vae.encoder(many).chunk(2, -1)
    z = mu + (logvar / 2).exp() * noise
    weights = literal_log_weights(vae, many, z[:, None]).unflatten(0, (5, -1)).squeeze(-1)
    error = (weights - bound).std(1) / 20_000**0.5
    assert ((bound.mean(1) - weights.mean(1)).abs() < 4 * error).all()


@pytest.mark.parametrize("planar_layers", [0, 2])
def test_gradients_are_those_of_finite_differences(planar_layers):
    vae = vae_of(gain=2.0, encoder_gain=2.0, planar_layers=planar_layers)
    x, noise = inputs()
    parameters = list(vae.parameters())
    elbo(vae, x, noise).value.sum().backward()
    generator = torch.Generator().manual_seed(5)
    for parameter in parameters:  # layer by layer, along a random direction
        direction = torch.randn(parameter.shape, generator=generator)
        values = []
        for step in (1e-5, -2e-5):
            parameter.data += step * direction
            values.append(elbo(vae, x, noise).value.sum().item())
        parameter.data += 1e-5 * direction
        slope = (parameter.grad * direction).sum().item()
        assert slope != 0
        assert slope == pytest.approx((values[0] - values[1]) / 2e-5, rel=1e-5, abs=1e-6)


def test_under_bfloat16_only_products_are_rounded():
    """The sums over hundreds of pixels and dimensions must not be made in 8 bits: most pixels are black."""
    set_precision("bfloat16", CPU)
    vae = vae_of((1, 28, 28), latent=50, logit_shift=-7.0)
    x = (inputs(20, pixels=784, latent=50)[0] > 0.95).to(torch.float32)
    kept = {}
    for name in ("encoder", "decoder"):
        module = getattr(vae, name)
        module.register_forward_hook(
            lambda _module, _in, output, name=name: kept.update({name: output.double()})
        )
    with autocast("bfloat16", CPU):
        bound = elbo(vae, x)
    assert bound.value.dtype == torch.float32
    expected = literal_log_likelihood(x, kept["decoder"])
    torch.testing.assert_close(bound.log_likelihood.double(), expected, rtol=1e-5, atol=1e-2)
    mu, logvar = kept["encoder"].chunk(2, -1)
    kl = kl_divergence(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(bound.kl.double(), kl, rtol=1e-4, atol=1e-3)


def test_under_bfloat16_planar_maps_are_not_rounded():
    set_precision("bfloat16", CPU)
    vae = vae_of((1, 28, 28), latent=50, planar_layers=4)
    x, noise = inputs(20, pixels=784, latent=50)
    kept = []
    vae.encoder.register_forward_hook(lambda _module, _in, output: kept.append(output))
    with autocast("bfloat16", CPU):
        bound = elbo(vae, x, noise)
    assert bound.kl.dtype == torch.float32
    mu, logvar, maps = kept[0].double().tensor_split([50, 100], -1)
    exact = PlanarPosterior.from_outputs(DiagonalGaussian(mu, logvar), maps)
    expected = exact.kl(exact.sample(noise.double()))
    torch.testing.assert_close(bound.kl.double(), expected, rtol=1e-4, atol=1e-3)
