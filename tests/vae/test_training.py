import math

import pandas as pd
import pytest
import torch

from regen.data.digits import embedded_digits
from regen.errors import RunError
from regen.likelihood.importance import estimate
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, set_precision
from regen.training.grid import on_grid
from regen.vae.elbo import elbo
from regen.vae.networks import build_vae
from regen.vae.observations import observations, scale
from regen.vae.training import VaeLearner, evaluate, mean_terms, summary
from training.toy import fit_epochs, stopped_at
from vae.small import SMALL, ignore_x, last_linear, random_images, vae_of

CPU = torch.device("cpu")
POSTERIORS = pytest.mark.parametrize("planar_layers", [0, 2])


def exact_context():
    return autocast("float64", CPU)


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


@POSTERIORS
def test_a_step_is_one_of_adam_on_the_negative_bound(planar_layers):
    ours, reference = (vae_of(gain=2.0, planar_layers=planar_layers) for _ in range(2))
    batch = random_images(9, 6)
    optimizer = on_grid(torch.optim.Adam(reference.parameters(), lr=SMALL.learning_rate), reference)
    learner = learner_of(ours)
    for seed in range(3):
        torch.manual_seed(seed)
        terms = learner.step(batch)
        torch.manual_seed(seed)
        optimizer.zero_grad()
        loss = -elbo(reference, batch / 255).value.mean()
        loss.backward()
        optimizer.step()
        assert terms[0].item() == pytest.approx(loss.item(), rel=1e-9)
        assert not terms.requires_grad
    for one, other in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_evaluation_weighs_every_image_alike():
    """2345 images that no batch size divides, the last ones of another kind; no noise to speak of."""
    vae = ignore_x(vae_of((1, 2, 2)), mu=0.3, logvar=-30.0)
    last_linear(vae.decoder).bias.data += 2
    pixels = torch.cat([torch.zeros(2000, 4), torch.full((345, 4), 255)]).to(torch.uint8)
    with torch.no_grad():
        expected = mean_terms(elbo(vae, scale(pixels), torch.zeros(2345, 2)))
    torch.testing.assert_close(evaluate(vae, pixels), expected, rtol=1e-5, atol=0)


def test_evaluation_names_its_scores_and_changes_nothing():
    vae = vae_of()
    before = [parameter.clone() for parameter in vae.parameters()]
    scores = learner_of(vae).validate()
    assert list(scores) == ["negative_elbo", "reconstruction", "kl"]
    total = scores["reconstruction"] + scores["kl"]
    assert scores["negative_elbo"] == pytest.approx(total)
    assert all(map(torch.equal, before, vae.parameters()))
    assert all(parameter.grad is None for parameter in vae.parameters())


@pytest.mark.parametrize("precision", ["float64", "auto", "float32", "tf32", "bfloat16"])
def test_every_precision_trains(precision):
    set_precision(precision, CPU)
    own = torch.float64 if precision == "float64" else torch.float32
    vae = vae_of((1, 28, 28))
    learner = learner_of(vae, context=autocast(precision, CPU))
    kinds = set()
    vae.decoder.register_forward_hook(lambda _module, _inputs, output: kinds.add(output.dtype))
    torch.manual_seed(0)
    terms = [learner.step(random_images(32, 784)) for _ in range(20)]
    assert kinds == {torch.bfloat16 if precision == "bfloat16" else own}
    assert all(term.dtype == own for term in terms)
    assert terms[-1][0] < terms[0][0] - 1
    assert all(parameter.dtype == own for parameter in vae.parameters())


@POSTERIORS
def test_stopped_and_resumed_equals_uninterrupted(tmp_path, planar_layers):
    data, settings = random_images(30, 6), {"batch_size": 8, "shown": (0, 3, 4, 6)}
    whole, stopped, resumed = (vae_of(seed=seed, planar_layers=planar_layers) for seed in (0, 0, 1))
    expected = fit_epochs(learner_of(whole), data, Checkpoint(tmp_path / "whole"), **settings)
    with pytest.raises(KeyboardInterrupt):
        fit_epochs(stopped_at(learner_of(stopped), 18), data, Checkpoint(tmp_path / "stopped"), **settings)
    fitted = fit_epochs(learner_of(resumed), data, Checkpoint(tmp_path / "stopped"), **settings)
    pd.testing.assert_frame_equal(fitted.table, expected.table, check_exact=True)
    assert all(map(torch.equal, resumed.parameters(), whole.parameters()))
    assert list(fitted.snapshots) == [0, 3, 4, 6]
    assert all(map(torch.equal, fitted.snapshots.values(), expected.snapshots.values()))


@POSTERIORS
def test_showing_changes_nothing(tmp_path, planar_layers):
    histories, ends = [], []
    for shown in ((), (0, 1, 2, 4)):
        vae, checkpoint = vae_of(planar_layers=planar_layers), Checkpoint(tmp_path / str(shown))
        fitted = fit_epochs(
            learner_of(vae), random_images(30, 6), checkpoint, epochs=4, batch_size=8, shown=shown
        )
        histories.append(fitted.table)
        ends.append(torch.cat([parameter.flatten() for parameter in vae.parameters()]))
    pd.testing.assert_frame_equal(*histories, check_exact=True)
    assert torch.equal(*ends)


@pytest.mark.parametrize("shape", [(1, 2, 3), (3, 4, 4)])
def test_a_snapshot_is_of_means_of_pixels(shape):
    vae = vae_of(shape, gain=3.0)
    learner = learner_of(vae)
    shown = learner.snapshot(vae)
    assert shown.shape == (64, *shape)
    assert shown.dtype == torch.uint8
    means = vae.decode(learner.codes).sigmoid().detach()
    torch.testing.assert_close(shown.flatten(1) / 255, means, rtol=0, atol=0.5 / 255 + 1e-9)
    assert shown.unique(dim=0).shape[0] == 64


def test_a_snapshot_s_codes_are_standard_normal_and_always_the_same():
    codes = learner_of(vae_of(latent=200)).codes
    assert codes.shape == (64, 200)
    assert abs(codes.mean()) < 4 / 12_800**0.5
    assert codes.std().item() == pytest.approx(1, abs=0.03)
    torch.manual_seed(77)
    assert torch.equal(learner_of(vae_of(latent=200, seed=5, planar_layers=1)).codes, codes)


def test_a_snapshot_is_taken_without_a_trace():
    vae = vae_of()
    before = [parameter.clone() for parameter in vae.parameters()]
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    learner = learner_of(vae)
    for training in (True, False):
        vae.train(training)
        shown = learner.snapshot(vae)
        assert not shown.requires_grad
        assert vae.training == training
    assert torch.equal(torch.rand(3), expected)
    assert all(map(torch.equal, before, vae.parameters()))
    assert torch.equal(learner.snapshot(vae), shown)


def test_a_learning_rate_that_is_too_large_is_named(tmp_path):
    run = SMALL.model_copy(update={"learning_rate": 1e30})
    learner = learner_of(vae_of(), run)
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    with pytest.raises(RunError, match=r"^wild: .* not finite .* learning_rate 1e\+30"):
        fit_epochs(learner, random_images(20, 6), checkpoint, epochs=50, batch_size=4, name="wild")


def history_of(**seeds):
    """Return a history of two epochs: `seed_7=(kl, kl)` of train and valid at the last."""
    rows = []
    for name, (train, valid) in seeds.items():
        seed = int(name.removeprefix("seed_"))
        rows.append({"epoch": 1, "train_kl": 30.0, "valid_kl": 50.0, "seed": seed})
        rows.append({"epoch": 2, "train_kl": train, "valid_kl": valid, "seed": seed})
    return pd.DataFrame(rows)


def test_metrics_of_one_seed_are_those_of_its_last_epoch():
    vae = vae_of()
    assert summary(vae, history_of(seed_7=(4.0, 5.0))) == {
        "epochs": 2,
        "seeds": 1,
        "parameters": sum(parameter.numel() for parameter in vae.parameters()),
        "train_kl": 4.0,
        "valid_kl": 5.0,
    }


def test_metrics_of_several_seeds_are_means_with_deviations():
    vae = vae_of()
    assert summary(vae, history_of(seed_7=(4.0, 5.0), seed_3=(2.0, 5.0), seed_4=(3.0, 5.0))) == {
        "epochs": 2,
        "seeds": 3,
        "parameters": sum(parameter.numel() for parameter in vae.parameters()),
        "train_kl": 3.0,
        "valid_kl": 5.0,
        "train_kl_deviation": pytest.approx(1.0),
        "valid_kl_deviation": 0.0,
    }


@pytest.mark.parametrize(
    "seeds", [{"seed_7": (4.0, math.nan)}, {"seed_7": (4.0, math.nan), "seed_3": (4.0, 5.0)}]
)
def test_metrics_that_are_not_finite_are_words(seeds):
    metrics = summary(vae_of(), history_of(**seeds))
    assert metrics["train_kl"] == 4.0
    assert metrics["valid_kl"] == "not finite"
    assert metrics.get("valid_kl_deviation", "not finite") == "not finite"


@pytest.fixture(scope="module")
def digits():
    splits = embedded_digits((1297, 250, 250))
    return {split: observations(images, binarize=True) for split, images in splits.items()}


@POSTERIORS
def test_training_on_digits_pays(digits, tmp_path, planar_layers):
    widths = {"encoder": [100], "decoder": [100], "latent": 10, "planar_layers": planar_layers}
    run = SMALL.model_copy(update=widths | {"logit_shift": -2.0, "learning_rate": 3e-3})
    torch.manual_seed(0)
    vae = build_vae(run, (1, 28, 28))
    learner = learner_of(vae, run, digits["valid"])
    untrained = learner.validate()["negative_elbo"]
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    history = fit_epochs(learner, digits["train"], checkpoint, epochs=8, batch_size=64).table
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
