import numpy as np
import pytest

from regen.dirac.game import configurations, play
from regen.dirac.verdict import FLOOR, VERDICTS, distance, envelope, judge, judge_runs, judge_seeds
from regen.params import Dirac

N = 5000
T = np.arange(N + 1)
SETTINGS = Dirac(
    seeds=5, iterations=N, learning_rate=0.1, start_scale=0.7, coefficients=[0.01, 0.1], ema=0.998
)


def spiral(rate_per_1000, squash=0.4, period=250.0, radius=0.8):
    """Return (psi0, psi1, theta) on an ellipse whose size changes by `rate_per_1000` in the logarithm."""
    size = radius * np.exp(rate_per_1000 * T / 1000)
    angle = 2 * np.pi * T / period
    return size * np.cos(angle), 0 * size, squash * size * np.sin(angle)


def verdict(path, metric="jsd"):
    return judge(envelope(distance(metric, *path)), N)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (-200.0, "converges"),
        (-10.0, "converges"),
        (-2.0, "converges"),
        (-1.0, "converges slowly"),
        (-0.2, "converges slowly"),
        (-0.01, "cycles"),
        (0.0, "cycles"),
        (0.01, "cycles"),
        (0.2, "diverges"),
        (5.0, "diverges"),
        (200.0, "diverges"),
    ],
)
@pytest.mark.parametrize("period", [63.0, 250.0])
def test_spirals(rate, expected, period):
    with np.errstate(over="ignore", invalid="ignore"):
        path = spiral(rate, period=period)
    judged = verdict(path)
    assert judged.verdict == expected
    if abs(rate) < 100:
        assert judged.rate == pytest.approx(rate, rel=0.05, abs=0.02)


def test_numbers_of_a_circle():
    judged = verdict(spiral(0.0, squash=1.0, radius=0.3))
    assert (judged.start, judged.final, judged.worst) == pytest.approx((0.3, 0.3, 0.3))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_jump_to_what_is_no_number_diverges(value):
    psi0, psi1, theta = spiral(-10.0)
    theta[4000:] = value
    judged = verdict((psi0, psi1, theta))
    assert (judged.verdict, judged.worst, judged.final) == ("diverges", np.inf, np.inf)


def test_growth_past_the_square_root_of_the_largest_number_is_no_overflow():
    assert verdict(spiral(50.0)).worst > 1e100
    assert verdict((np.full(N + 1, 1e300), 0 * T, np.full(N + 1, 1e300))).worst < np.inf


def test_rest_at_the_equilibrium():
    zero = np.zeros(N + 1)
    assert verdict((zero, zero, zero)).verdict == "converges"


def test_a_noise_floor_is_arrival_and_the_rate_is_that_of_the_way_there():
    noise = 1e-15 * np.random.default_rng(0).standard_normal(N + 1)
    psi0, psi1, theta = spiral(-10.0)
    judged = verdict((psi0 + noise, psi1, theta))
    assert judged.verdict == "converges"
    assert judged.final < FLOOR
    assert judged.rate == pytest.approx(-10.0, rel=0.05)


def test_w1_does_not_count_psi1():
    psi0, _, theta = spiral(-10.0)
    far = np.full(N + 1, 3.0)
    assert verdict((psi0, far, theta), "w1").verdict == "converges"
    assert verdict((psi0, far, theta), "jsd").verdict == "cycles"


def average(theta, decay=0.998):
    out = [theta[0]]
    for value in theta[1:]:
        out.append(decay * out[-1] + (1 - decay) * value)
    return np.abs(np.array(out))


@pytest.mark.parametrize("phase", np.linspace(0, np.pi, 5))
@pytest.mark.parametrize("period", [63.0, 250.0])
def test_the_average_of_a_circle_stays_at_a_small_distance(period, phase):
    theta = np.cos(2 * np.pi * T / period + phase)
    judged = judge_seeds(average(theta)[None])
    assert judged.verdict == "cycles"
    assert judged.final < 0.1


def test_the_average_of_a_spiral_inwards_converges():
    judged = judge_seeds(average(spiral(-10.0, squash=1.0)[2] + 0.5 * np.exp(-T / 100))[None])
    assert judged.verdict == "converges"
    assert judged.rate == pytest.approx(1000 * np.log(0.998), rel=0.02)  # its memory's, not the game's


def test_a_wandering_start_does_not_hide_an_orbit():
    size = 1.3 - 1.2 * np.exp(-T / 1000)  # GP's approach to its orbit, from inside
    assert judge(envelope(size), N).verdict == "cycles"
    assert judge(envelope(2.6 - size), N).verdict == "cycles"


def distances(*rates):
    return np.stack([np.exp(rate * T / 1000) for rate in rates])


def test_most_seeds_decide():
    judged = judge_seeds(distances(-10, -10, 0, 1, -9))
    assert (judged.verdict, judged.agreement) == ("converges", pytest.approx(0.6))
    assert judged.rate == pytest.approx(-9, rel=0.01)


def test_a_tie_goes_to_the_less_favourable():
    assert judge_seeds(distances(-10, 0)).verdict == "cycles"
    assert judge_seeds(distances(1, -1, 0)).verdict == "diverges"
    assert VERDICTS.index("converges") < VERDICTS.index("diverges")


def test_infinite_numbers_of_some_seeds_are_no_nan():
    mixed = np.stack([np.zeros(N + 1), np.full(N + 1, np.inf), *distances(-1, 0)])
    judged = judge_seeds(mixed)
    assert not np.isnan([judged.rate, judged.start, judged.final, judged.worst]).any()


@pytest.mark.parametrize("length", [2, 3, 7, 19, 20, 21, 50])
def test_very_short_runs_have_a_verdict(length):
    assert judge_seeds(np.ones((2, length))).verdict == "cycles"


def test_the_table_of_the_twenty():
    runs = configurations(SETTINGS)
    table = judge_runs(runs, play(SETTINGS, seed=1), SETTINGS.learning_rate).set_index("name")
    expected = ["cycles", "converges slowly", "converges", "cycles", "cycles"]
    assert table["verdict"].tolist() == 4 * expected
    assert table["verdict_ema"].tolist() == 2 * (5 * [None] + expected)
    assert table["agreement"].min() == 1.0
    assert table["agreement_ema"].dropna().min() == 1.0
    assert table.loc["jsd-1", ["coefficient", "ema", "rate_per_1000_ema"]].isna().all()
    assert table.loc["w1-10", "final_distance"] == pytest.approx(1.283, abs=0.01)
    assert table.loc["w1-10", "final_distance_ema"] < 0.05


def test_a_table_of_runs_that_run_off_has_words_for_numbers():
    chosen = SETTINGS.model_copy(update={"learning_rate": 2.5, "iterations": 2000})
    table = judge_runs(configurations(chosen), play(chosen, seed=1), 2.5).set_index("name")
    assert table.loc["w1-1", "verdict"] == "diverges"
    assert table.loc["w1-1", "theory"] == "> 1: repels"
    assert table.loc["w1-1", "final_distance"] == "not finite"
    assert table.loc["w1-4", "spectral_radius"] == "unbounded"
    assert "nan" not in table.to_csv(na_rep="").lower()
