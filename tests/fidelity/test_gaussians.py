"""The Frechet distance: against closed forms and torch-fidelity's."""

import pytest
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric

from regen.fidelity.gaussians import Gaussian, fit_gaussian
from regen.fidelity.gaussians import frechet_distance as distance


def random_features(count, dimension, seed, scale=1.0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dimension, dimension, generator=generator)
    return shift + scale * torch.randn(count, dimension, generator=generator) @ mix


def random_gaussian(dimension, seed):
    return fit_gaussian(random_features(3 * dimension, dimension, seed, shift=seed))


def test_on_the_line_it_is_the_difference_of_means_and_of_deviations():
    one, other = (
        Gaussian(torch.tensor([mu]), torch.tensor([[variance]]).sqrt())
        for mu, variance in ((1.0, 4.0), (-2.0, 9.0))
    )
    assert distance(one, other) == pytest.approx((1 + 2) ** 2 + (2 - 3) ** 2)


def test_covariances_that_commute_have_a_closed_form():
    basis, _ = torch.linalg.qr(random_features(6, 6, seed=0))
    a, b = torch.tensor([0.0, 0.5, 1, 2, 3, 4]), torch.tensor([4.0, 0, 1, 7, 2, 1])
    one, other = (Gaussian(torch.zeros(6), values.sqrt()[:, None] * basis.T) for values in (a, b))
    assert distance(one, other) == pytest.approx(float((a.sqrt() - b.sqrt()).square().sum()))


def test_of_gaussian_features_it_nears_that_of_the_gaussians():
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(2, 100_000, 3, generator=generator)
    scales = torch.tensor([1.0, 2.0, 3.0])
    one, other = fit_gaussian(noise[0]), fit_gaussian(2 + noise[1] * scales)
    assert distance(one, other) == pytest.approx(3 * 4 + 0 + 1 + 4, rel=0.02)


@pytest.mark.parametrize(("count", "dimension", "error"), [(50, 5, 1e-9), (300, 64, 1e-9), (20, 64, 1e-6)])
def test_it_is_torch_fidelity_s(count, dimension, error):
    """Also where there are fewer samples than features: theirs then has square roots of rounding errors."""
    one, other = random_features(count, dimension, 1), random_features(count + 7, dimension, 2, 1.3, 0.2)
    theirs = fid_statistics_to_metric(
        fid_features_to_statistics(one), fid_features_to_statistics(other), verbose=False
    )
    assert distance(fit_gaussian(one), fit_gaussian(other)) == pytest.approx(
        theirs[KEY_METRIC_FID], rel=error
    )


def test_it_is_symmetric_and_nought_only_for_equals():
    one, other = random_gaussian(8, 1), random_gaussian(8, 2)
    assert distance(one, other) == pytest.approx(distance(other, one))
    assert distance(one, other) > 1
    assert distance(one, one) == pytest.approx(0, abs=1e-10)


def test_features_are_fitted_as_numpy_does():
    features = random_features(40, 7, seed=3, shift=100)
    theirs = fid_features_to_statistics(features.double())
    ours = fit_gaussian(features)
    torch.testing.assert_close(ours.mu, torch.from_numpy(theirs["mu"]))
    torch.testing.assert_close(ours.root.T @ ours.root, torch.from_numpy(theirs["sigma"]))


def test_directions_without_variance_cost_no_digits():
    """Of as many features again that are always 0 the square roots of rounding errors would add up."""
    one, other = random_features(50, 30, 1), random_features(60, 30, 2)
    wide = [fit_gaussian(torch.cat([x, torch.zeros_like(x)], 1)) for x in (one, other)]
    expected = distance(fit_gaussian(one), fit_gaussian(other))
    assert distance(*wide) == pytest.approx(expected, rel=1e-12)
    assert distance(wide[0], wide[0]) == pytest.approx(0, abs=1e-12 * expected)
