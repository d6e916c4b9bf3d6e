"""Divergences: four ways to one number."""

import numpy as np
import pytest
from torch.distributions import Normal, kl_divergence

from regen.theory import divergence
from regen.theory.divergence import CASES, closed_form, kl_diagonal_table, kl_table
from regen.theory.measure import kl_summary
from theory.small import SETTINGS


def test_the_report_s_two_divergences():
    assert [closed_form(case) for case in CASES[:2]] == [0, 50]


@pytest.mark.parametrize("case", CASES)
def test_the_closed_form_is_torch_s(case):
    q, p = Normal(case.mu_q, case.var_q**0.5), Normal(case.mu_p, case.var_p**0.5)
    assert closed_form(case) == pytest.approx(float(kl_divergence(q, p)), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_four_ways_to_a_divergence(seed):
    table = kl_table(SETTINGS, seed)
    np.testing.assert_allclose(table["room"], table["closed_form"], atol=1e-12)
    np.testing.assert_allclose(table["quadrature"], table["closed_form"], atol=1e-11)
    off = (table["monte_carlo"] - table["closed_form"]).abs()
    assert (off <= 4.5 * table["standard_error"]).all()
    assert (table["standard_error"].iloc[1:] > 0).all()


def test_a_wrong_closed_form_would_be_seen(monkeypatch):
    monkeypatch.setattr(divergence, "closed_form", lambda case: closed_form(case) + 0.3 * (case.var_q != 1))
    found = kl_summary(kl_table(SETTINGS, 1))
    assert found["kl_difference"] == 1
    assert found["kl_standard_errors"] > 10


def test_the_room_s_divergence_in_many_dimensions():
    table = kl_diagonal_table(SETTINGS, seed=1)
    assert table["latent"].tolist() == SETTINGS.dimensions
    np.testing.assert_allclose(table["quadrature"], table["room"], rtol=1e-12)
    assert ((table["monte_carlo"] - table["room"]).abs() < 4.5 * table["standard_error"]).all()
