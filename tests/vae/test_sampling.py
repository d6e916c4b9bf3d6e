import torch

from regen.vae import sampling
from regen.vae.sampling import reconstruct, sample
from vae.small import ignore_x, ignore_z, random_images, vae_of


def test_images_are_the_means_of_codes_from_the_prior():
    vae = vae_of((1, 2, 3), gain=5.0)
    images = sample(vae, 7, seed=3)
    assert images.shape == (7, 1, 2, 3)
    assert images.dtype == torch.uint8
    z = torch.randn(7, 2, generator=torch.Generator().manual_seed(3))
    means = 1 / (1 + (-vae.decode(z)).exp())
    torch.testing.assert_close(images.flatten(1).double(), (means * 255).round(), rtol=0, atol=1)


def test_the_seed_decides_and_the_global_stream_does_not():
    vae = vae_of(gain=5.0)
    before = torch.get_rng_state()
    one, again, other = (sample(vae, 20, seed) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_image_does_not_depend_on_the_others():
    vae = vae_of(gain=5.0, batch_norm=True, dropout=0.5).train()
    few, many = sample(vae, 64, seed=1), sample(vae, 640, seed=1)
    # 48: torch draws the last of many normal numbers anew; 1: products of another size round otherwise
    assert (few[:48].int() - many[:48].int()).abs().max() <= 1


@torch.no_grad()
def test_reconstructions_are_the_means_at_the_posteriors_centres():
    vae = vae_of((1, 2, 3), gain=5.0, encoder_gain=5.0, planar_layers=2)
    pixels = random_images(20, 6)
    images = reconstruct(vae, pixels)
    assert images.shape == (20, 1, 2, 3)
    assert images.dtype == torch.uint8
    means = vae.decode(vae.centre(pixels / 255)).sigmoid()
    torch.testing.assert_close(images.flatten(1).double(), (means * 255).round(), rtol=0, atol=1)
    assert len(images.unique(dim=0)) > 1


def test_a_vae_that_ignores_x_or_z_reconstructs_one_image():
    pixels, logits_alone = random_images(20, 6), vae_of((1, 2, 3), gain=5.0)
    logits = ignore_z(logits_alone)
    for vae in (logits_alone, ignore_x(vae_of((1, 2, 3), gain=5.0))):
        assert len(reconstruct(vae, pixels).unique(dim=0)) == 1
    expected = (255 / (1 + (-logits).exp())).round()
    torch.testing.assert_close(
        reconstruct(logits_alone, pixels)[0].flatten().double(), expected, rtol=0, atol=1
    )


def test_a_reconstruction_does_not_depend_on_the_batch(monkeypatch):
    vae = vae_of((1, 2, 3), gain=5.0, encoder_gain=5.0, batch_norm=True, dropout=0.5).train()
    pixels = random_images(20, 6)
    before = torch.get_rng_state()
    whole = reconstruct(vae, pixels)
    monkeypatch.setattr(sampling, "BATCH", 7)
    assert (reconstruct(vae.train(), pixels).int() - whole.int()).abs().max() <= 1
    assert torch.equal(torch.get_rng_state(), before)
