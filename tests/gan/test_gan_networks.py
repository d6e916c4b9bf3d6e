import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from gan.small import KINDS, SECTIONS, images_of, networks_of, run_of
from regen.errors import InputError
from regen.gan.networks import ResidualBlock, build_critic, build_generator, relu
from regen.params.gan import doublings


def size(network):
    return sum(parameter.numel() for parameter in network.parameters())


def kinds_of(network, *kinds):
    return [module for module in network.modules() if isinstance(module, kinds)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 16, 16), (3, 32, 32)])
def test_images_come_out_between_the_bounds_and_go_in(kind, shape):
    run = run_of(kind)
    generator, critic = networks_of(run, shape)
    z = torch.randn(5, run.latent)
    images = generator(z)
    assert images.shape == (5, *shape)
    assert images.abs().max() <= 1
    assert critic(images).shape == (5,)
    assert generator(z[:2]).shape == (2, *shape)
    assert critic(images[:1]).shape == (1,) if kind != "dcgan" else True


def test_the_protocol_s_residual_networks():
    """Layer by layer: width 128, 32x32, z of 100."""
    generator, critic = networks_of(run_of(latent=100, width=128), (3, 32, 32))
    shapes = []
    for network in (generator, critic):
        for module in network:
            module.register_forward_hook(
                lambda module, _, output: shapes.append((type(module).__name__, tuple(output.shape[1:])))
            )
    critic(generator(torch.randn(2, 100)))
    up = [("ConvTranspose2d", (c, s, s)) for c, s in ((512, 4), (256, 8), (128, 16))]
    down = [("Conv2d", (c, s, s)) for c, s in ((128, 16), (256, 8), (512, 4))]
    expected = [("Unflatten", (100, 1, 1))]
    for layer, shape in up:
        expected += [(name, shape) for name in (layer, "BatchNorm2d", "ReLU", "ResidualBlock")]
    expected += [("ConvTranspose2d", (3, 32, 32)), ("Tanh", (3, 32, 32))]
    for layer, shape in down:
        expected += [(name, shape) for name in (layer, "LeakyReLU", "ResidualBlock")]
    assert shapes == [*expected, ("Conv2d", (1, 1, 1)), ("Flatten", ())]
    assert [module.negative_slope for module in kinds_of(critic, nn.LeakyReLU)] == 9 * [0.2]
    assert len(kinds_of(generator, nn.BatchNorm2d)) == 3 + 3 * 2
    assert not kinds_of(critic, nn.BatchNorm2d)
    assert all(
        (conv.kernel_size, conv.stride, conv.padding) == ((4, 4), (2, 2), (1, 1))
        for conv in [*kinds_of(generator, nn.ConvTranspose2d)[1:], *critic[0:9:3]]
    )


def test_the_reports_parameter_counts():
    dcgan = run_of("dcgan", data="imagenette", latent=100, width=64)
    assert size(build_generator(dcgan, (3, 64, 64))) == 3_576_704
    assert size(build_critic(dcgan, (3, 64, 64))) == 2_765_568  # of the original code, which has no biases
    vu_gan = run_of("mlp", latent=64, generator=[256], critic=[128], generator_batch_norm=False)
    assert sum(map(size, networks_of(vu_gan, (1, 28, 28)))) == 318_737
    uva_gan = run_of("mlp", latent=100, generator=[128, 256, 512, 1024], critic=[512, 256])
    generator, critic = networks_of(uva_gan, (1, 28, 28))
    widths = [linear.out_features for linear in kinds_of(generator, nn.Linear)]
    assert widths == [128, 256, 512, 1024, 784]
    assert [norm.num_features for norm in kinds_of(generator, nn.BatchNorm1d)] == [256, 512, 1024]
    assert size(critic) == 784 * 512 + 512 + 512 * 256 + 256 + 256 + 1


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_residual_block_starts_as_mostly_the_identity(batch_norm):
    torch.manual_seed(0)
    block, x = ResidualBlock(6, relu, batch_norm), torch.randn(4, 6, 5, 5)
    share = torch.tensor(-3.0).sigmoid()
    torch.testing.assert_close(block(x), (1 - share) * x + share * block.f(x))
    assert share < 0.05
    assert nn.functional.cosine_similarity(block(x).flatten(), x.flatten(), dim=0) > 0.99
    block.a.data.fill_(100.0)
    torch.testing.assert_close(block(x), block.f(x))
    block.a.data.fill_(-100.0)
    torch.testing.assert_close(block(x), x)


def test_a_gate_is_learnt():
    run = run_of()
    generator, critic = networks_of(run)
    critic(generator(torch.randn(4, run.latent))).sum().backward()
    gates = [block.a for network in (generator, critic) for block in kinds_of(network, ResidualBlock)]
    assert len(gates) == 2
    assert all(gate.item() == -3 and gate.grad != 0 for gate in gates)


def test_layers_overwrite_nothing_that_is_read_again():
    """The same layers without writing in place give the same values and gradients, twice over."""
    (_, ours), (_, plain) = networks_of(run_of()), networks_of(run_of())
    for module in plain.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    for critic in (ours, plain):
        x = images_of(4).requires_grad_()
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        slope.square().sum().backward()
    for one, other in zip(ours.parameters(), plain.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None)
        if one.grad is not None:
            torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize("kind", KINDS)
def test_spectral_norms_are_at_most_one(kind):
    run = run_of(kind, spectral_norm=True)
    _, critic = networks_of(run)
    _, plain = networks_of(run_of(kind))
    layers = kinds_of(critic, nn.Conv2d, nn.Linear)
    assert len(layers) == len(kinds_of(plain, nn.Conv2d, nn.Linear))
    assert size(critic) == size(plain)
    for layer in layers:
        assert parametrize.is_parametrized(layer, "weight")
        layer.parametrizations.weight.original.data.mul_(7)
    for _ in range(300):  # each forward pass in training mode is an iteration
        critic(images_of(4))
    critic.eval()
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


def test_without_spectral_norm_weights_are_free():
    assert not any(parametrize.is_parametrized(module) for module in networks_of(run_of())[1].modules())


def test_dcgan_starts_from_small_normal_weights():
    run = run_of("dcgan", width=32)
    for network in networks_of(run, (3, 32, 32)):
        convolutions = kinds_of(network, nn.Conv2d, nn.ConvTranspose2d)
        weights = torch.cat([conv.weight.flatten() for conv in convolutions])
        assert weights.std().item() == pytest.approx(0.02, rel=0.02)
        assert abs(weights.mean()) < 1e-3
        scales = torch.cat([norm.weight for norm in kinds_of(network, nn.BatchNorm2d)])
        assert scales.std().item() == pytest.approx(0.02, rel=0.3)
        assert scales.mean().item() == pytest.approx(1, abs=0.01)
        assert [conv.bias for conv in convolutions] == [None] * len(convolutions)


@pytest.mark.parametrize(("side", "times"), [(8, 1), (16, 2), (32, 3), (64, 4), (128, 5)])
def test_sizes_that_doubling_gives(side, times):
    assert doublings((3, side, side)) == times


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 4, 4), (3, 0, 0), (3, 33, 33), (3, 32, 16), (3, 16, 32)])
def test_sizes_that_doubling_does_not_give_are_named(shape):
    for kind in ("residual", "dcgan"):
        for build in (build_generator, build_critic):
            with pytest.raises(InputError) as caught:
                build(run_of(kind), shape)
            message = str(caught.value)
            assert message.startswith(f"params.yaml: networks: '{kind}': makes squares of 8, 16, 32")
            assert f"{shape[1]}x{shape[2]}" in message
            assert "\n" not in message


def test_same_seed_same_networks():
    for kind in KINDS:
        for one, other in zip(networks_of(run_of(kind)), networks_of(run_of(kind)), strict=True):
            assert all(map(torch.equal, one.parameters(), other.parameters()))


def test_a_run_has_no_second_set_of_settings():
    """What a key of the protocol may default to leaves that part of a GAN out."""
    optional = {
        name
        for section in SECTIONS.values()
        for name, field in section.model_fields.items()
        if not field.is_required()
    }
    assert optional == {
        "generator_batch_norm", "spectral_norm", "penalty", "penalty_coefficient",
        "critic_weight_decay", "ema", "epochs", "steps", "seeds",
    }  # fmt: skip
