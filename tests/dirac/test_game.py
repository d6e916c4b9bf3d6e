from functools import cache

import numpy as np
import pytest
import torch
from torch.nn.functional import logsigmoid

from regen.dirac.game import (
    Trajectories,
    configurations,
    draw_starts,
    play,
    play_runs,
    rules,
    step_critic,
    step_generator,
)
from regen.params import Dirac

SETTINGS = Dirac(
    seeds=1, iterations=200, learning_rate=0.1, start_scale=0.7, coefficients=[0.01, 0.1], ema=0.998
)
RUNS = configurations(SETTINGS)


def settings(**changes):
    return SETTINGS.model_copy(update=changes)


def plain_metric(metric, psi0, psi1, theta):
    real, fake = psi1, psi0 * theta + psi1
    if metric == "w1":
        return real - fake
    return (logsigmoid(real) + logsigmoid(-fake) + np.log(4)) / 2


def plain_penalty(penalty, c, psi0, psi1, theta, random):
    share = random.random() if penalty == "gp" else 1.0
    point = ((1 - share) * theta.detach()).requires_grad_()  # the real point is 0
    (slope,) = torch.autograd.grad(psi0 * point + psi1, point, create_graph=True)
    return {"none": 0 * slope, "r1": c * slope**2, "gp": c * (slope.abs() - 1) ** 2}[penalty]


@cache
def plain_loop(metric, penalty, c, iterations=200):
    """Play one run as a course would: autograd, the critic's step, then the generator's."""
    random = np.random.default_rng(7)
    start = draw_starts(SETTINGS, seed=1)[:, 0]
    psi0, psi1, theta = (torch.tensor(value, requires_grad=True) for value in start)
    critic = torch.optim.SGD([psi0, psi1], lr=0.1)
    generator = torch.optim.SGD([theta], lr=0.1)
    path = [start]
    for _ in range(iterations):
        critic.zero_grad()
        value = plain_metric(metric, psi0, psi1, theta)
        (plain_penalty(penalty, c, psi0, psi1, theta, random) - value).backward()
        critic.step()
        generator.zero_grad()
        plain_metric(metric, psi0, psi1, theta).backward()
        generator.step()
        path.append(np.array([psi0.item(), psi1.item(), theta.item()]))
    return np.array(path)


@pytest.mark.parametrize("index", range(len(RUNS)), ids=[run.name for run in RUNS])
def test_every_run_is_the_plain_autograd_loop(index):
    run, played = RUNS[index], play(SETTINGS, seed=1)
    path = plain_loop(run.metric, run.penalty, run.coefficient)
    for column, name in enumerate(("psi0", "psi1", "theta")):
        np.testing.assert_allclose(getattr(played, name)[index, 0], path[:, column], rtol=0, atol=1e-5)
    average = [path[0, 2]]
    for theta in path[1:, 2]:
        average.append(theta if run.ema is None else 0.998 * average[-1] + 0.002 * theta)
    np.testing.assert_allclose(played.theta_ema[index, 0], average, rtol=0, atol=1e-5)


def test_the_report_s_names():
    about = {run.name: (run.metric, run.penalty, run.coefficient, run.ema) for run in RUNS}
    assert len(RUNS) == 20
    assert about["jsd-1"] == ("jsd", "none", 0.0, None)
    assert about["jsd-3"] == ("jsd", "r1", 0.1, None)
    assert about["w1-4"] == ("w1", "gp", 0.01, None)
    assert about["w1-10"] == ("w1", "gp", 0.1, 0.998)


@pytest.mark.parametrize("coefficients", [[0.5], [0.01, 0.1, 1.0]])
def test_any_number_of_coefficients(coefficients):
    chosen = settings(coefficients=coefficients, iterations=3)
    runs = configurations(chosen)
    assert len({run.name for run in runs}) == len(runs) == 4 * (1 + 2 * len(coefficients))
    assert play(chosen, seed=1).theta.shape == (len(runs), 1, 4)


def test_a_run_alone_is_the_run_among_twenty():
    together = play(settings(seeds=3), seed=1)
    starts = draw_starts(settings(seeds=3), seed=1)
    for index in (1, 9, 13):
        alone = play_runs([RUNS[index]], starts, SETTINGS)
        for name in ("psi0", "psi1", "theta", "theta_ema"):
            np.testing.assert_allclose(
                getattr(alone, name)[0], getattr(together, name)[index], rtol=0, atol=1e-12
            )


def test_more_seeds_leave_the_first_ones_as_they_were():
    few, many = play(settings(seeds=2), seed=1), play(settings(seeds=5), seed=1)
    np.testing.assert_array_equal(draw_starts(settings(seeds=2), 1), draw_starts(settings(seeds=5), 1)[:, :2])
    np.testing.assert_allclose(many.theta[:, :2], few.theta, rtol=0, atol=1e-12)
    assert len(np.unique(many.theta[0, :, 0])) == 5


def test_the_seed_decides_and_all_runs_start_alike():
    one, again, other = play(SETTINGS, 1), play(SETTINGS, 1), play(SETTINGS, 2)
    np.testing.assert_array_equal(one.theta, again.theta)
    assert one.theta[0, 0, 0] != other.theta[0, 0, 0]
    assert np.ptp(one.psi0[:, 0, 0]) == 0


def test_the_average_starts_at_theta_and_is_theta_where_none_is_kept():
    played = play(SETTINGS, 1)
    np.testing.assert_array_equal(played.theta_ema[..., 0], played.theta[..., 0])
    for index, run in enumerate(RUNS):
        same = np.array_equal(played.theta_ema[index], played.theta[index])
        assert same == (run.ema is None)


def moved(index, psi0, psi1, theta):
    game = rules([RUNS[index]], 0.1)
    before = [np.full((1, 1), value) for value in (psi0, psi1, theta)]
    after = step_critic(*before, game)
    after = (*after, step_generator(*after, before[2], game))
    return np.array([b.item() - a.item() for a, b in zip(before, after, strict=True)])


@pytest.mark.parametrize("index", range(len(RUNS)), ids=[run.name for run in RUNS])
def test_where_the_update_is_zero(index):
    run = RUNS[index]
    assert not moved(index, 0.0, 0.0, 0.0).any()  # for GP, only by sign(0) = 0
    assert moved(index, 0.5, 0.0, 0.0).any()
    assert moved(index, 0.0, 0.0, 0.5).any()
    assert moved(index, 0.0, 0.5, 0.0).any() == (run.metric == "jsd")  # w1 has a line of equilibria
    if run.penalty == "gp":
        assert moved(index, 1e-9, 0.0, 0.0)[0] == pytest.approx(2 * 0.1 * run.coefficient, rel=1e-6)


def test_what_runs_off_to_infinity_does_so_without_a_warning():
    played = play(settings(learning_rate=2.5, iterations=3000), seed=1)
    assert not np.isfinite(played.theta[10, 0, -1])
    assert not torch.isfinite(played.to_tensors()["theta"][10, 0, -1])


def test_trajectories_survive_as_float32():
    played = play(SETTINGS, 1)
    tensors = played.to_tensors()
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    np.testing.assert_allclose(Trajectories.from_tensors(tensors).theta, played.theta, rtol=1e-6)
