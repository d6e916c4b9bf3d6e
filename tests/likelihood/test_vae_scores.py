import math

import pytest
import torch

from regen.likelihood.importance import estimate
from regen.likelihood.scores import Scores, by_seed, gap, score, summary, tensors
from regen.vae.elbo import Elbo
from vae.small import all_images, ignore_x, ignore_z, quadrature, random_images, vae_of


def test_the_bound_is_below_the_true_log_p_on_average():
    vae = vae_of(gain=3.0, encoder_gain=2.0)
    pixels = random_images(2000, 6)
    bound = score(vae, pixels, seed=1).bound
    log_p = quadrature(vae, pixels / 255)
    difference = log_p - bound.value
    assert difference.mean() > 3 * difference.std() / math.sqrt(len(pixels))


def test_of_an_ideal_posterior_the_bound_is_log_p():
    vae = ignore_x(vae_of())
    ignore_z(vae)
    pixels = all_images(6)
    torch.testing.assert_close(
        score(vae, pixels, seed=1).bound.value, quadrature(vae, pixels / 255), rtol=0, atol=1e-5
    )


def test_units_that_do_not_see_the_image_are_not_active():
    vae = vae_of(latent=3, encoder_gain=4.0)
    last = list(vae.encoder.parameters())[-2]
    last.data[1] = 0.0  # the second mean is the same for all images
    found = score(vae, random_images(200, 6), seed=1)
    assert found.active_units == int((found.centres.var(0) > 0.01).sum())
    assert found.centres.var(0)[1] == 0
    assert found.active_units == 2


def test_a_posterior_that_is_the_prior_has_collapsed():
    collapsed, other = ignore_x(vae_of()), vae_of(encoder_gain=4.0)
    pixels = random_images(50, 6)
    of = {1: score(collapsed, pixels, 1), 2: score(other, pixels, 2)}
    assert summary({1: of[1]})["collapsed"] == "yes"
    assert summary({2: of[2]})["collapsed"] == "no"
    assert summary(of)["collapsed"] == "1 of 2"
    assert summary({1: of[1]})["test_kl"] == 0


def test_the_squared_error_is_that_of_the_mean_image():
    vae = vae_of()
    logits = ignore_z(vae)
    pixels = random_images(20, 6)
    expected = (pixels / 255 - 1 / (1 + (-logits).exp())).square().mean(-1)
    torch.testing.assert_close(score(vae, pixels, 1).squared_error, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("mode", [True, False])
def test_training_mode_changes_nothing(mode):
    """A batch's statistics and dropped units belong to training."""
    torch.manual_seed(0)
    vae = vae_of(batch_norm=True, dropout=0.5)
    pixels = random_images(30, 6)
    expected = score(vae.eval(), pixels, 1)
    found = score(vae.train(mode), pixels, 1)
    assert torch.equal(found.bound.value, expected.bound.value)


def test_the_noise_is_the_seed_s():
    vae, pixels = vae_of(gain=3.0), random_images(30, 6)
    before = torch.get_rng_state()
    one, again, other = (score(vae, pixels, seed).bound.value for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_the_noise_is_none_of_the_importance_samples(monkeypatch):
    """Torch's generator on CPUs takes the last 32 bits of a seed."""
    vae, pixels = vae_of(gain=3.0), random_images(30, 6)
    drawn, randn = [], torch.randn

    def noted(*args, **kwargs):
        drawn.append(randn(*args, **kwargs))
        return drawn[-1]

    monkeypatch.setattr(torch, "randn", noted)
    score(vae, pixels, 1)
    ours = torch.cat([noise.flatten() for noise in drawn])
    drawn.clear()
    estimate(vae, pixels, 1, 256, seed=1)
    theirs = torch.cat([noise.flatten() for noise in drawn])
    assert len(ours) == len(theirs) == 30 * vae.latent
    assert not torch.isin(ours, theirs).any()


def made_up(log_likelihood, kl, error=0.5):
    values = torch.tensor(log_likelihood).double()
    bound = Elbo(values, torch.full_like(values, kl))
    return Scores(bound, torch.full_like(values, error), torch.arange(2.0 * len(values)).reshape(-1, 2))


def test_summaries_are_means_over_seeds_and_images():
    results = {7: made_up([-1.0, -3.0], 1.0), 3: made_up([-5.0, -7.0], 2.0)}
    found = summary(results)
    assert found["images"] == 2
    assert found["test_negative_elbo"] == pytest.approx((3 + 8) / 2)
    assert found["test_reconstruction"] == pytest.approx(4)
    assert found["test_kl"] == pytest.approx(1.5)
    assert found["squared_error"] == 0.5
    assert found["active_units"] == 2
    # the images' means over the seeds are 4.5 and 6.5
    assert found["test_negative_elbo_standard_error"] == pytest.approx(math.sqrt(2) / math.sqrt(2))
    assert by_seed(results)["seed"].tolist() == [7, 3]
    assert tensors(results)["one_sample_elbo"].tolist() == [[-2, -4], [-7, -9]]


def test_what_is_not_a_number_is_said():
    assert summary({1: made_up([-1.0, math.nan], 1.0)})["test_negative_elbo"] == "not finite"


def test_the_gap_is_paired_by_image_and_seed():
    vae, pixels = vae_of(gain=3.0, encoder_gain=2.0), random_images(400, 6)
    scored, estimated = {3: score(vae, pixels, 3)}, {3: estimate(vae, pixels, 50, 256, seed=3)}
    differences = estimated[3].log_p - scored[3].bound.value
    found = gap(scored, estimated)
    assert found["gap"] == pytest.approx(float(differences.mean()))
    assert found["gap_standard_error"] == pytest.approx(float(differences.std()) / 20)
    assert found["gap"] > 2 * found["gap_standard_error"] > 0
