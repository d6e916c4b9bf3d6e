import math

import pytest
import torch

from regen.likelihood.importance import (
    LogLikelihood,
    by_seed,
    estimate,
    standard_error,
    summarise,
    summary,
    tensors,
)
from vae.small import random_images, vae_of


def test_summaries_against_plain_weights():
    log_w = torch.randn(6, 9, generator=torch.Generator().manual_seed(6))
    w = log_w.double().exp()
    result = summarise(log_w)
    torch.testing.assert_close(result.log_p, w.mean(1).log())
    torch.testing.assert_close(result.elbo, w.log().mean(1))
    torch.testing.assert_close(result.ess, w.sum(1) ** 2 / (w**2).sum(1))


@pytest.mark.parametrize("offset", [-5000.0, 5000.0])
def test_weights_beyond_exp_are_summarised(offset):
    log_w = torch.randn(6, 9, generator=torch.Generator().manual_seed(6)).double()
    shifted, plain = summarise(log_w + offset), summarise(log_w)
    torch.testing.assert_close(shifted.log_p, plain.log_p + offset)
    torch.testing.assert_close(shifted.ess, plain.ess)


def test_effective_sample_size_lies_between_one_and_all():
    even, one = torch.zeros(1, 50), torch.zeros(1, 50).index_fill(1, torch.tensor([3]), 900.0)
    assert summarise(even).ess.item() == pytest.approx(50)
    assert summarise(one).ess.item() == pytest.approx(1)
    assert summarise(one).log_p.item() == pytest.approx(900 - math.log(50))
    result = estimate(vae_of(gain=6.0, encoder_gain=2.0), random_images(200, 6), 50, 256, seed=1)
    assert (result.ess >= 1 - 1e-9).all()
    assert (result.ess <= 50 + 1e-9).all()
    assert result.ess.std() > 0


def test_one_sample_is_the_bound():
    result = estimate(vae_of(gain=3.0), random_images(50, 6), 1, 256, seed=1)
    assert torch.equal(result.log_p, result.elbo)
    torch.testing.assert_close(result.ess, torch.ones(50).double())


@pytest.mark.parametrize("changes", [{}, {"planar_layers": 3}], ids=["gaussian", "planar"])
def test_the_estimate_is_never_below_the_bound(changes):
    vae = vae_of(gain=4.0, encoder_gain=2.0, **changes)
    result = estimate(vae, random_images(200, 6), 50, 256, seed=1)
    assert (result.log_p >= result.elbo).all()
    assert result.log_p.mean() > result.elbo.mean() + 0.1


def result_of(log_p, ess=(2.0, 3.0, 3.0, 8.0)):
    log_p = torch.tensor(log_p).double()
    return LogLikelihood(log_p, log_p - log_p.abs(), torch.tensor(ess).double())


@pytest.fixture
def results():
    """Seeds 7 and 3 with means 4 and 7, whose mean over the seeds is (3, 4, 6, 9)."""
    return {7: result_of([1.0, 2.0, 4.0, 9.0]), 3: result_of([5.0, 6.0, 8.0, 9.0], ess=(1.0, 1.0, 1.0, 9.0))}


def test_the_standard_error_is_that_of_the_mean():
    std = (sum((v - 4) ** 2 for v in (1, 2, 4, 9)) / 3) ** 0.5
    assert standard_error(torch.tensor([1.0, 2.0, 4.0, 9.0])) == pytest.approx(std / 2)
    many = torch.randn(2000, 400, generator=torch.Generator().manual_seed(1))
    spread = many.mean(1).std().item()
    assert standard_error(many[0]) == pytest.approx(spread, rel=0.15)


def test_one_seed_has_no_deviations(results):
    std = (sum((v - 4) ** 2 for v in (1, 2, 4, 9)) / 3) ** 0.5
    assert summary({7: results[7]}, 10) == {
        "images": 4,
        "importance_samples": 10,
        "log_p": pytest.approx(4.0),
        "log_p_standard_error": pytest.approx(std / 2),
        "elbo": pytest.approx(0.0),
        "effective_sample_size": pytest.approx(4.0),
        "effective_sample_size_median": pytest.approx(3.0),
    }


def test_of_two_seeds_there_are_means_and_deviations(results):
    """The error is over the images only: a seed's good luck with all images is not one of theirs."""
    results[3] = LogLikelihood(results[3].log_p, results[3].log_p - 2, results[3].ess)
    error = (sum((v - 5.5) ** 2 for v in (3, 4, 6, 9)) / 3) ** 0.5 / 2
    assert summary(results, 10) == {
        "images": 4,
        "importance_samples": 10,
        "log_p": pytest.approx(5.5),
        "log_p_standard_error": pytest.approx(error),
        "elbo": pytest.approx(2.5),
        "log_p_deviation": pytest.approx(3 / 2**0.5),
        "elbo_deviation": pytest.approx(5 / 2**0.5),
        "effective_sample_size": pytest.approx(3.5),
        "effective_sample_size_median": pytest.approx(2.0),
    }


def test_seeds_that_agree_have_no_deviation(results):
    metrics = summary({1: results[7], 2: results[7], 3: results[7]}, 10)
    assert (metrics["log_p_deviation"], metrics["elbo_deviation"]) == (0.0, 0.0)
    alone = summary({1: results[7]}, 10)
    assert alone.items() <= metrics.items()


def test_seeds_stand_in_their_order(results):
    assert tensors(results)["log_p"].tolist() == [[1, 2, 4, 9], [5, 6, 8, 9]]
    assert tensors(results)["ess"].shape == (2, 4)
    table = by_seed(results)
    assert table.to_dict("list") == {"seed": [7, 3], "log_p": [4.0, 7.0], "elbo": [0.0, 0.0]}


def test_numbers_that_are_not_finite_are_words(results):
    broken = LogLikelihood(*torch.tensor([[math.nan, 1.0, 1.0, 1.0]] * 3).double())
    for mixed in ({1: broken}, {1: broken, 2: results[7]}):
        metrics = summary(mixed, 10)
        assert metrics["log_p"] == metrics["log_p_standard_error"] == metrics["elbo"] == "not finite"
        assert metrics.get("log_p_deviation", "not finite") == "not finite"
