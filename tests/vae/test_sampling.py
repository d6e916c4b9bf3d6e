import torch

from regen.vae.sampling import sample
from vae.small import vae_of


def test_images_are_the_means_of_codes_from_the_prior():
    vae = vae_of((1, 2, 3), gain=5.0)
    images = sample(vae, 7, seed=3)
    assert images.shape == (7, 1, 2, 3)
    assert images.dtype == torch.uint8
    z = torch.randn(7, 2, generator=torch.Generator().manual_seed(3))
    means = 1 / (1 + (-vae.decode(z)).exp())
    torch.testing.assert_close(images.flatten(1).double(), (means * 255).round().double(), rtol=0, atol=1)


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
