"""What is sampled, as images and as pixels."""

import pytest
import torch

from gan.small import KINDS, SHAPE, learner_of, pixels_of, run_of, vector_of
from regen.gan.sampling import sample, scale, to_pixels


def test_pixels_and_images_go_into_one_another():
    pixels = torch.arange(256, dtype=torch.uint8)
    images = scale(pixels)
    assert (images[0], images[-1]) == (-1, 1)
    torch.testing.assert_close(images, pixels.double().div(255).mul(2).sub(1), rtol=0, atol=2**-23)
    assert torch.equal(to_pixels(images), pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_do_not_depend_on_the_batch_size(kind):
    run = run_of(kind)
    generator = learner_of(run, SHAPE).evaluated()
    images = sample(generator, 23, run.latent, seed=3)
    assert images.shape == (23, *SHAPE)
    assert images.dtype == torch.uint8
    for batch in (7, 23):
        assert torch.equal(images, sample(generator, 23, run.latent, seed=3, batch=batch))
    assert not torch.equal(images, sample(generator, 23, run.latent, seed=4))
    assert images.unique(dim=0).shape[0] == 23


def test_sampling_leaves_no_trace():
    learner = learner_of(run_of())
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    state = vector_of(learner.generator, learner.critic, learner.average)
    generator = learner.evaluated()
    shown = learner.snapshot(generator)
    sample(generator, 10, learner.run.latent, seed=0)
    losses = learner.losses(pixels_of(1100))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(vector_of(learner.generator, learner.critic, learner.average), state)
    assert learner.generator.training
    assert learner.critic.training
    assert shown.shape == (100, 3, 8, 8)
    assert shown.unique(dim=0).shape[0] == 100
    assert torch.equal(learner.snapshot(generator), shown)
    assert losses == learner.losses(pixels_of(1100))
