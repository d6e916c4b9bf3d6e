from math import prod
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from regen.artifacts import write_tensors
from regen.artifacts.datasets import Images
from regen.data.catalog import DATASETS
from regen.errors import InputError
from regen.params import read_params
from regen.vae.networks import FromPoint, build_vae, load_vae
from regen.vae.observations import observations, scale
from regen.vae.posterior import DiagonalGaussian
from vae.small import CONV, L100, SMALL, vae_of

SHAPE = (1, 28, 28)
REPO = Path(__file__).parents[2]


def test_l100_has_the_report_s_size():
    vae = build_vae(L100, SHAPE)
    assert sum(parameter.numel() for parameter in vae.parameters()) == 742_584


def test_l100_planar_has_eight_maps_more():
    """u and w of 100 dimensions and b, for each of 8 maps, from 300 units and a bias."""
    vae = build_vae(L100.model_copy(update={"planar_layers": 8}), SHAPE)
    assert sum(parameter.numel() for parameter in vae.parameters()) == 742_584 + 301 * 8 * 201


def test_layers_are_those_of_the_run():
    run = L100.model_copy(update={"encoder": [7, 5], "decoder": [6], "latent": 3})
    shapes = [tuple(p.shape) for p in build_vae(run, (2, 3, 4)).parameters() if p.ndim == 2]
    assert shapes == [(7, 24), (5, 7), (6, 5), (6, 3), (24, 6)]


@pytest.mark.parametrize("activation", ["elu", "relu"])
def test_the_function_is_the_activation_between_the_layers_and_not_at_the_end(activation):
    vae = vae_of(activation=activation, gain=3.0)
    w0, b0, w1, b1 = (p.detach() for p in vae.decoder.parameters())
    z = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    hidden = z @ w0.T + b0
    negative = hidden.exp() - 1 if activation == "elu" else torch.zeros_like(hidden)
    expected = torch.where(hidden > 0, hidden, negative) @ w1.T + b1
    assert (expected < 0).any()
    torch.testing.assert_close(vae.decode(z), expected, rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        torch.testing.assert_close(vae.decode(z), expected, rtol=1e-9, atol=1e-9)


def test_the_first_half_of_the_encoding_is_mu():
    vae = vae_of()
    x = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))
    q, code = vae.posterior(x), vae.encoder(x)
    torch.testing.assert_close(q.mu, code[:, :2])
    torch.testing.assert_close(q.logvar, code[:, 2:])


@pytest.mark.parametrize(("latent", "layers"), [(2, 0), (2, 1), (3, 4), (1, 2)])
def test_the_encoding_holds_mu_logvar_and_each_map_in_turn(latent, layers):
    vae, x = vae_of(latent=latent, planar_layers=layers), torch.rand(4, 6)
    code = vae.encoder(x)
    assert code.shape == (4, 2 * latent + layers * (2 * latent + 1))
    q = vae.posterior(x)
    if layers == 0:
        assert isinstance(q, DiagonalGaussian)
        return
    parts = [q.base.mu, q.base.logvar]
    for planar in q.maps:
        parts += [planar.u, planar.w, planar.b[:, None]]
    assert len(q.maps) == layers
    assert torch.equal(torch.cat(parts, 1), code)


@pytest.mark.parametrize("layers", [0, 3])
def test_the_centre_is_what_a_sample_without_noise_gives(layers):
    vae, x = vae_of(planar_layers=layers, encoder_gain=2.0), torch.rand(4, 6)
    q = vae.posterior(x)
    centre = vae.centre(x)
    assert centre.shape == (4, 2)
    torch.testing.assert_close(centre, q.sample(torch.zeros(4, 2)).z)
    mu = q.mu if layers == 0 else q.base.mu
    assert torch.equal(centre, mu) == (layers == 0)


def test_the_images_shape_is_known():
    assert vae_of((3, 4, 2)).shape == (3, 4, 2)


def test_the_shift_moves_all_logits_and_nothing_else():
    plain, shifted = (vae_of(logit_shift=shift, encoder=[300]) for shift in (0.0, -5.0))
    z, x = torch.randn(10, 2), torch.rand(10, 6)
    torch.testing.assert_close(shifted.decode(z), plain.decode(z) - 5, rtol=0, atol=1e-9)
    assert torch.equal(shifted.posterior(x).mu, plain.posterior(x).mu)


def test_gradients_with_and_without_the_shift_s_place_are_those_of_shifted_logits():
    plain, shifted = (vae_of(logit_shift=shift) for shift in (0.0, -5.0))
    z = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    (plain.decode(z) - 5).sigmoid().sum().backward()
    shifted.decode(z).sigmoid().sum().backward()
    for ours, expected in zip(shifted.decoder.parameters(), plain.decoder.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, expected.grad)


def test_the_seed_decides_the_initialisation():
    one, again, other = (vae_of(seed=seed).decode(torch.ones(1, 2)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "weights.safetensors"
    write_tensors(path, vae_of(seed=7).state_dict())
    return path


def test_weights_come_back(weights):
    loaded, z = load_vae(SMALL, (1, 2, 3), weights), torch.randn(5, 2)
    assert torch.equal(loaded.decode(z), vae_of(seed=7).decode(z))


def test_the_shift_is_not_added_to_loaded_weights_again(tmp_path):
    shifted, z = vae_of(logit_shift=-5.0), torch.zeros(1, 2)
    write_tensors(tmp_path / "w", shifted.state_dict())
    run = SMALL.model_copy(update={"logit_shift": -5.0})
    assert torch.equal(load_vae(run, (1, 2, 3), tmp_path / "w").decode(z), shifted.decode(z))


@pytest.mark.parametrize(
    ("changes", "shape"),
    [
        ({"latent": 3}, (1, 2, 3)),
        ({"decoder": [16, 16]}, (1, 2, 3)),
        ({"encoder": [17]}, (1, 2, 3)),
        ({"planar_layers": 1}, (1, 2, 3)),
        ({}, (1, 3, 3)),
    ],
    ids=str,
)
def test_weights_of_another_architecture_are_refused(weights, changes, shape):
    with pytest.raises(InputError) as caught:
        load_vae(SMALL.model_copy(update=changes), shape, weights)
    assert str(caught.value).startswith(f"{weights}: not the weights of this run's networks")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("saved", "asked"), [([6], [6, 6]), ([6, 6], [6])])
def test_layers_too_few_or_too_many_are_refused(tmp_path, saved, asked):
    write_tensors(tmp_path / "w", vae_of(decoder=saved).state_dict())
    with pytest.raises(InputError, match="not the weights of this run's networks"):
        load_vae(SMALL.model_copy(update={"decoder": asked}), (1, 2, 3), tmp_path / "w")


@pytest.mark.parametrize("content", [None, b"", b"not safetensors"])
def test_weights_that_cannot_be_read_are_an_input_error(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"weights\.safetensors: not a readable safetensors file"):
        load_vae(SMALL, (1, 2, 3), path)


@pytest.fixture
def every_intensity():
    return Images(torch.arange(256).to(torch.uint8).reshape(2, 2, 8, 8), None)


def test_binary_observations_are_black_and_white_at_one_half(every_intensity):
    seen = observations(every_intensity, binarize=True)
    assert seen.shape == (2, 128)
    assert seen.dtype == torch.uint8
    assert torch.equal(
        seen, (every_intensity.pixels.flatten(1) / 255 > 0.5) * torch.tensor(255, dtype=torch.uint8)
    )
    assert set(seen.unique().tolist()) == {0, 255}
    assert set(scale(seen).unique().tolist()) == {0.0, 1.0}


def test_other_observations_are_the_intensities(every_intensity):
    before = every_intensity.pixels.clone()
    seen = observations(every_intensity, binarize=False)
    assert torch.equal(seen, before.flatten(1))
    torch.testing.assert_close(scale(seen), before.flatten(1).double() / 255, rtol=2**-23, atol=0)
    assert torch.equal(every_intensity.pixels, before)


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_every_run_of_the_profiles_can_be_built(profile):
    for run in read_params(REPO / f"profiles/{profile}.yaml").vae.values():
        shape = DATASETS[run.data].shape
        vae = build_vae(run, shape).eval()
        x = torch.rand(2, prod(shape))
        assert vae.decode(vae.centre(x)).shape == x.shape


@pytest.mark.parametrize(("name", "count"), [("vu_mnist", 1_079_600), ("vu_imagenette", 4_348_547)])
def test_the_reports_parameter_counts(name, count):
    run = read_params(REPO / "profiles/paper.yaml").vae[name]
    vae = build_vae(run, DATASETS[run.data].shape)
    assert sum(parameter.numel() for parameter in vae.parameters()) == count


def test_convolutions_give_what_torch_gives_by_hand():
    vae = vae_of((2, 8, 8), gain=2.0, **CONV).eval()
    x, z = torch.rand(3, 2 * 64), torch.randn(3, 2)
    first, second, linear, code = (layer for layer in vae.encoder if list(layer.parameters()))
    h = F.max_pool2d(F.elu(first(x.reshape(3, 2, 8, 8))), 2)
    h = F.elu(second(h))
    assert h.shape == (3, 5, 2, 2)
    expected = code(F.elu(linear(h.reshape(3, -1))))
    torch.testing.assert_close(vae.encoder(x), expected)

    linear, *convolutions, last = (layer for layer in vae.decoder if list(layer.parameters()))
    h = linear(z).reshape(3, 7, 1, 1)
    for layer in convolutions:
        h = F.elu(layer(h))
    assert h.shape == (3, 2, 4, 4)
    torch.testing.assert_close(vae.decode(z), last(h).reshape(3, -1))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (4, 1), (5, 2)])
def test_a_transposed_convolution_of_one_pixel_is_torch_s(kernel, stride, layout):
    torch.manual_seed(0)
    ours, torchs = FromPoint(7, 5, kernel, stride), nn.ConvTranspose2d(7, 5, kernel, stride)
    torchs.load_state_dict(ours.state_dict())
    ours.to(memory_format=layout)
    found, expected = [], []
    for layer, results in ((ours, found), (torchs, expected)):
        x = torch.linspace(-2, 2, 21).reshape(3, 7, 1, 1).requires_grad_()
        y = layer(x)
        y.square().sum().backward()
        results += [y, x.grad, layer.weight.grad, layer.bias.grad]
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-13)


def test_decoders_begin_with_it_where_their_codes_are_maps_of_one_pixel():
    kinds = {
        name: [type(module) for module in build_vae(run, DATASETS[run.data].shape).decoder.modules()]
        for name, run in read_params(REPO / "profiles/paper.yaml").vae.items()
    }
    assert {name for name, found in kinds.items() if FromPoint in found} == {
        "mds_conv",
        "mds_conv_no_bn",
        "vu_imagenette",
    }


@pytest.mark.parametrize("changes", [{}, CONV, CONV | {"batch_norm": True}], ids=["mlp", "conv", "norm"])
def test_several_codes_of_an_image_are_decoded_as_each_alone(changes):
    vae = vae_of((2, 8, 8), **changes).eval()
    z = torch.randn(4, 3, 2)
    torch.testing.assert_close(vae.decode(z), torch.stack([vae.decode(each) for each in z]))
    assert vae.decode(z[0, 0]).shape == (128,)


def test_batch_norm_and_dropout_follow_hidden_layers_alone():
    vae = vae_of((2, 8, 8), batch_norm=True, dropout=0.25, **CONV)
    kinds = [[type(layer).__name__ for layer in network] for network in (vae.encoder, vae.decoder)]
    norms = [sum("BatchNorm" in kind for kind in each) for each in kinds]
    assert norms == [3, 2]
    assert [each.count("Dropout") for each in kinds] == [3, 2]
    assert kinds[0][1:6] == ["Conv2d", "BatchNorm2d", "ELU", "Dropout", "MaxPool2d"]
    assert kinds[0][-1] == "Linear"
    assert kinds[1][:4] == ["Linear", "Unflatten", "FromPoint", "BatchNorm2d"]  # maps are taken as they are
    assert kinds[1][-2:] == ["ConvTranspose2d", "Flatten"]
    assert vae.encoder[4].p == 0.25


def test_the_shift_moves_a_convolution_s_logits_too():
    plain, shifted = (vae_of((2, 8, 8), logit_shift=shift, **CONV) for shift in (0.0, -5.0))
    z = torch.randn(10, 2)
    torch.testing.assert_close(shifted.decode(z), plain.decode(z) - 5, rtol=0, atol=1e-9)
