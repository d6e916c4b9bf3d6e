import math
from dataclasses import replace

import pandas as pd
import pytest
import torch

from regen.data.digits import embedded_digits
from regen.errors import RunError
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast
from regen.training.loop import Plan, fit
from regen.vae.elbo import elbo
from regen.vae.likelihood import estimate
from regen.vae.networks import build_vae
from regen.vae.observations import observations, scale
from regen.vae.training import VaeLearner, evaluate, mean_terms, summary
from vae.small import SMALL, ignore_x, last_linear, random_images, vae_of


def exact_context():
    return autocast("float32", torch.device("cpu"))


def learner_of(vae, run=SMALL, valid=None, context=None):
    valid = random_images(5, vae.encoder[0].in_features) if valid is None else valid
    return VaeLearner(vae, run, valid, context or exact_context())


def test_terms_are_means_over_the_images_and_add_up():
    vae, x = vae_of(gain=2.0), scale(random_images(9, 6))
    bound = elbo(vae, x, torch.zeros(9, 2))
    negative_elbo, reconstruction, kl = mean_terms(bound).tolist()
    assert negative_elbo == pytest.approx(-bound.value.mean().item())
    assert reconstruction == pytest.approx(-bound.log_likelihood.mean().item())
    assert kl == pytest.approx(bound.kl.mean().item())
    assert negative_elbo == pytest.approx(reconstruction + kl)


def test_a_step_is_one_of_adam_on_the_negative_bound():
    ours, reference, batch = vae_of(gain=2.0), vae_of(gain=2.0), random_images(9, 6)
    optimizer = torch.optim.Adam(reference.parameters(), lr=SMALL.learning_rate)
    learner = learner_of(ours)
    for seed in range(3):
        torch.manual_seed(seed)
        terms = learner.step(batch)
        torch.manual_seed(seed)
        optimizer.zero_grad()
        loss = -elbo(reference, batch / 255).value.mean()
        loss.backward()
        optimizer.step()
        assert terms[0].item() == pytest.approx(loss.item(), rel=1e-5)
        assert not terms.requires_grad
    for one, other in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_evaluation_weighs_every_image_alike():
    """2345 images that no batch size divides, the last ones of another kind; no noise to speak of."""
    vae = ignore_x(vae_of((1, 2, 2)), mu=0.3, logvar=-30.0)
    last_linear(vae.decoder).bias.data += 2
    pixels = torch.cat([torch.zeros(2000, 4), torch.full((345, 4), 255)]).to(torch.uint8)
    with torch.no_grad():
        expected = mean_terms(elbo(vae, scale(pixels), torch.zeros(2345, 2)))
    torch.testing.assert_close(evaluate(vae, pixels).float(), expected, rtol=1e-5, atol=0)


def test_evaluation_names_its_scores_and_changes_nothing():
    vae = vae_of()
    before = [parameter.clone() for parameter in vae.parameters()]
    scores = learner_of(vae).evaluate()
    assert list(scores) == ["valid_negative_elbo", "valid_reconstruction", "valid_kl"]
    total = scores["valid_reconstruction"] + scores["valid_kl"]
    assert scores["valid_negative_elbo"] == pytest.approx(total)
    assert all(map(torch.equal, before, vae.parameters()))
    assert all(parameter.grad is None for parameter in vae.parameters())


@pytest.mark.parametrize("precision", ["auto", "float32", "tf32", "bfloat16"])
def test_every_precision_trains(precision):
    vae = vae_of((1, 28, 28))
    learner = learner_of(vae, context=autocast(precision, torch.device("cpu")))
    kinds = set()
    vae.decoder.register_forward_hook(lambda _module, _inputs, output: kinds.add(output.dtype))
    torch.manual_seed(0)
    terms = [learner.step(random_images(32, 784)) for _ in range(20)]
    assert kinds == {torch.bfloat16 if precision == "bfloat16" else torch.float32}
    assert all(term.dtype == torch.float32 for term in terms)
    assert terms[-1][0] < terms[0][0] - 1
    assert all(parameter.dtype == torch.float32 for parameter in vae.parameters())


def test_stopped_and_resumed_equals_uninterrupted(tmp_path):
    data, plan = random_images(30, 6), Plan("small", 6, 8, 1e-3, 1, 2)
    whole, stopped, resumed = (vae_of(seed=seed) for seed in (0, 0, 1))
    expected = fit(learner_of(whole), data, plan, Checkpoint(tmp_path / "whole"))
    fit(learner_of(stopped), data, replace(plan, epochs=4), Checkpoint(tmp_path / "stopped"))
    history = fit(learner_of(resumed), data, plan, Checkpoint(tmp_path / "stopped"))
    pd.testing.assert_frame_equal(history, expected, check_exact=True)
    assert all(map(torch.equal, resumed.parameters(), whole.parameters()))


def test_a_learning_rate_that_is_too_large_is_named(tmp_path):
    run = SMALL.model_copy(update={"learning_rate": 1e30})
    learner = learner_of(vae_of(), run)
    plan = Plan("wild", 50, 4, run.learning_rate, 1, 1)
    with pytest.raises(RunError, match=r"^wild: .* not finite .* learning_rate 1e\+30"):
        fit(learner, random_images(20, 6), plan, Checkpoint(tmp_path / "checkpoint"))


def test_metrics_are_those_of_the_last_epoch():
    history = pd.DataFrame({"epoch": [1, 2], "train_kl": [3.0, 4.0], "valid_kl": [5.0, math.nan]})
    vae = vae_of()
    parameters = sum(parameter.numel() for parameter in vae.parameters())
    assert summary(vae, history) == {
        "epochs": 2,
        "parameters": parameters,
        "train_kl": 4.0,
        "valid_kl": "not finite",
    }


@pytest.fixture(scope="module")
def digits():
    splits = embedded_digits((1297, 250, 250))
    return {split: observations(images, binarize=True) for split, images in splits.items()}


def test_training_on_digits_pays(digits, tmp_path):
    run = SMALL.model_copy(
        update={"encoder": [100], "decoder": [100], "latent": 10, "logit_shift": -2.0, "learning_rate": 3e-3}
    )
    torch.manual_seed(0)
    vae = build_vae(run, (1, 28, 28))
    learner = learner_of(vae, run, digits["valid"])
    untrained = learner.evaluate()["valid_negative_elbo"]
    plan = Plan("smoke", 8, 64, run.learning_rate, 1, 8)
    history = fit(learner, digits["train"], plan, Checkpoint(tmp_path / "checkpoint"))
    assert history["valid_negative_elbo"].iloc[-1] < 0.6 * untrained
    assert history["train_negative_elbo"].is_monotonic_decreasing
    assert history["valid_kl"].iloc[-1] > 1
    assert history["valid_negative_elbo"].iloc[-1] == pytest.approx(
        history["train_negative_elbo"].iloc[-1], rel=0.1
    )
    result = estimate(vae, digits["test"][:100], 50, 256, seed=1)
    assert result.log_p.mean() > result.elbo.mean() + 1
    assert -result.elbo.mean() == pytest.approx(history["valid_negative_elbo"].iloc[-1], rel=0.1)
    assert (result.log_p >= result.elbo).all()
