import numpy as np
import pytest

from regen.dirac.game import configurations, draw_starts, play_runs, rules, step_critic, step_generator
from regen.dirac.theory import eigenvalues_text, jacobian, linearise
from regen.dirac.verdict import distance, envelope, judge
from regen.params import Dirac

SETTINGS = Dirac(
    seeds=2, iterations=5000, learning_rate=0.1, start_scale=0.7, coefficients=[0.01, 0.1], ema=0.998
)
RUNS = {run.name: run for run in configurations(SETTINGS)}
SMOOTH = [name for name, run in RUNS.items() if run.penalty != "gp" and run.ema is None]


def iterate(run, rate, psi0, psi1, theta):
    game = rules([run], rate)
    state = [np.full((1, 1), value) for value in (psi0, psi1, theta)]
    critic = step_critic(*state, game)
    return np.array([*critic, step_generator(*critic, state[2], game)]).ravel()


@pytest.mark.parametrize("rate", [0.1, 0.7])
@pytest.mark.parametrize("name", SMOOTH)
def test_the_jacobian_is_the_game_s(name, rate):
    eps = 1e-5
    numeric = [
        (iterate(RUNS[name], rate, *(eps * unit)) - iterate(RUNS[name], rate, *(-eps * unit))) / (2 * eps)
        for unit in np.eye(3)
    ]
    np.testing.assert_allclose(jacobian(RUNS[name], rate), np.transpose(numeric), atol=1e-9)


def test_w1_jacobian_is_the_same_along_the_line():
    run = RUNS["w1-3"]
    along = np.array([0.0, 5.0, 0.0])
    shifted = [iterate(run, 0.1, *(unit + along)) - along for unit in np.eye(3)]
    np.testing.assert_allclose(jacobian(run, 0.1), np.transpose(shifted), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("jsd-1", "= 1: neutral"),
        ("w1-1", "= 1: neutral"),
        ("jsd-2", "< 1: attracts"),
        ("w1-3", "< 1: attracts"),
        ("jsd-4", "> 1: repels"),
        ("w1-5", "> 1: repels"),
    ],
)
def test_the_word(name, word):
    assert linearise(RUNS[name], 0.1).word == word


def test_too_large_a_step_repels():
    assert linearise(RUNS["w1-1"], 2.5).word == "> 1: repels"
    assert linearise(RUNS["w1-1"], 1.9).word == "= 1: neutral"


def test_r1_radius_in_closed_form():
    assert linearise(RUNS["w1-3"], 0.1).spectral_radius == pytest.approx(np.sqrt(1 - 2 * 0.1 * 0.1))
    assert linearise(RUNS["jsd-2"], 0.1).spectral_radius == pytest.approx(np.sqrt(1 - 2 * 0.1 * 0.01))


@pytest.mark.parametrize("name", ["jsd-2", "jsd-3", "w1-2", "w1-3"])
def test_the_measured_rate_is_the_theory_s(name):
    run = RUNS[name]
    played = play_runs([run], draw_starts(SETTINGS, 1), SETTINGS)
    distances = distance(run.metric, played.psi0[0], played.psi1[0], played.theta[0])
    expected = 1000 * np.log(linearise(run, 0.1).spectral_radius)
    for windows in envelope(distances):
        assert judge(windows, 5000).rate == pytest.approx(expected, rel=0.06)


def test_gp_has_no_derivative_and_its_smoothed_kink_repels_without_bound():
    run, c, rate = RUNS["w1-5"], 0.1, 0.1
    with pytest.raises(ValueError, match="no derivative"):
        jacobian(run, rate)
    assert linearise(run, rate).eigenvalues == ()
    assert linearise(run, rate).spectral_radius == np.inf

    def smoothed(eps):
        slope = 2 * c * (eps - 1) / eps  # of the derivative of c (sqrt(psi0^2 + eps^2) - 1)^2 at 0
        critic, generator = np.array([[1 - rate * slope, -rate], [0, 1]]), np.array([[1, 0], [rate, 1]])
        return np.abs(np.linalg.eigvals(generator @ critic)).max()

    radii = [smoothed(eps) for eps in (0.1, 0.01, 1e-4, 1e-6)]
    assert radii == sorted(radii)
    assert radii[-1] > 1e4


def test_w1_with_gp_ends_on_a_circle_of_radius_four_over_pi():
    played = play_runs(
        [RUNS["w1-4"]], draw_starts(SETTINGS, 1), SETTINGS.model_copy(update={"iterations": 9000})
    )
    radius = np.hypot(played.psi0, played.theta)[0, :, -2000:].mean(axis=1)
    np.testing.assert_allclose(radius, 4 / np.pi, rtol=0.01)


def test_eigenvalues_as_text():
    assert eigenvalues_text(linearise(RUNS["jsd-1"], 0.1)) == "0.999687 +- 0.024998i, 0.975"
    assert eigenvalues_text(linearise(RUNS["w1-1"], 0.1)) == "0.995 +- 0.0998749i"
    assert eigenvalues_text(linearise(RUNS["w1-4"], 0.1)) == ""
