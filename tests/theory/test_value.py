"""The game's value at the best critic, and the generator's gradients, against closed forms."""

import math

import numpy as np
import pytest
from torch.distributions import Normal

from regen.theory.value import SHIFTS, gradients, summary, value, value_by_shift

LOG_4 = math.log(4)


def divergence(p, q):
    """Return JSD(p, q) in nats by the trapezoid rule in float64, from the log-densities."""
    x = np.linspace(-20, 20, 20_001)

    def log_prob(normal):
        z = (x - normal.loc.item()) / normal.scale.item()
        return -0.5 * z**2 - math.log(normal.scale.item() * math.sqrt(2 * math.pi))

    log_p, log_q = log_prob(p), log_prob(q)
    log_m = np.logaddexp(log_p, log_q) - math.log(2)
    return np.trapezoid(np.exp(log_p) * (log_p - log_m) + np.exp(log_q) * (log_q - log_m), x) / 2


def test_the_value_is_least_where_the_generator_is_the_data_and_nowhere_else():
    values = value_by_shift()
    assert values[0.0] == pytest.approx(-LOG_4, abs=1e-12)
    assert min(values.values()) == values[0.0]
    assert all(value > -LOG_4 + 1e-3 for shift, value in values.items() if shift)
    rising = [values[shift] for shift in SHIFTS if shift >= 0]
    assert rising == sorted(rising)
    assert [values[-shift] for shift in SHIFTS] == pytest.approx(list(values.values()), abs=1e-12)


@pytest.mark.parametrize(
    ("p", "q"), [((0, 1), (0, 1)), ((0, 1), (0.5, 1)), ((1, 1), (-2, 1)), ((0, 1), (0, 2)), ((0, 1), (9, 1))]
)
def test_the_value_is_twice_the_divergence_less_log_4(p, q):
    p, q = (Normal(float(mean), float(deviation)) for mean, deviation in (p, q))
    assert value(p, q) == pytest.approx(2 * divergence(p, q) - LOG_4, abs=1e-3)


def test_of_two_that_have_nothing_in_common_the_value_is_0():
    assert value(Normal(0.0, 1.0), Normal(100.0, 1.0)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("probability", [1e-6, 0.01, 0.3, 0.5, 0.99])
def test_gradients_are_the_probabilities_of_both_answers(probability):
    """d/dQ of log(1 - s(Q)) is -s(Q), and of -log s(Q) it is -(1 - s(Q))."""
    assert gradients(probability) == pytest.approx((probability, 1 - probability), rel=1e-9)


def test_what_claims_have_of_it():
    found = summary()
    assert found["gan_value"] == pytest.approx(-LOG_4, abs=1e-9)
    assert found["gan_value_shift"] == 0
    assert found["gan_value_elsewhere"] > found["gan_value"] + 1e-3
    assert found["gan_saturation"] == "larger"
    assert found["gan_gradient_ratio"] == 99
