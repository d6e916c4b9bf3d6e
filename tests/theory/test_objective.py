"""The terms of the bound."""

import math

import pytest
import torch

from regen.artifacts.files import NEGLIGIBLE
from regen.theory import objective
from regen.theory.objective import bernoulli_table, first_reconstruction_table, objective_table
from regen.vae.networks import VAE, mlp
from theory.small import SETTINGS


def test_the_bernoulli_term_as_printed():
    table = bernoulli_table(SETTINGS, seed=1).set_index("data")
    assert table.loc["binary", ["finite", "as_printed"]].tolist() == [0, "not finite"]
    assert table.loc["intensities", "finite"] == 1
    assert table.loc["intensities", "as_printed"] < table.loc["intensities", "as_defined"] - 50
    for data in table.index:
        assert table.loc[data, "room"] == pytest.approx(table.loc[data, "as_defined"], rel=1e-12)


def test_one_binary_pixel_is_enough():
    x, k = torch.tensor([[0.5, 1.0], [0.0, 0.5], [0.5, 0.5]]), torch.full((3, 2), 0.3)
    assert objective.printed(x, k).tolist() == [-math.inf, -math.inf, pytest.approx(2 * math.log(0.5))]
    assert objective.defined(x, k).isfinite().all()


def test_the_two_objectives_are_one():
    table = objective_table(SETTINGS, seed=1)
    assert (table["largest_difference"] == NEGLIGIBLE).all()
    assert table["negative_elbo"].to_numpy() == pytest.approx(
        table["reports_objective"].to_numpy(), rel=0, abs=1e-11
    )


def test_an_objective_without_its_constant_would_be_seen(monkeypatch):
    literal = objective.literal_objective
    monkeypatch.setattr(
        objective, "literal_objective", lambda vae, *rest: literal(vae, *rest) + vae.latent / 4
    )
    assert objective_table(SETTINGS, seed=1)["largest_difference"].tolist() == [1, 10, 10]


def test_a_fresh_vae_s_pixels_cost_log_2_each():
    table = first_reconstruction_table(SETTINGS, seed=1)
    assert table["expected"].round(2).tolist() == [543.43, 543.43]
    assert ((table["mean"] - 543.43).abs() < 25).all()
    assert (table["least"] <= table["mean"]).all()
    assert (table["mean"] <= table["most"]).all()


def test_without_weights_it_is_log_2_exactly(monkeypatch):
    def silent(pixels, latent, _rng):
        vae = VAE(mlp([pixels, 2 * latent], "relu"), mlp([latent, pixels], "relu"), latent, (1, 1, pixels))
        for parameter in vae.parameters():
            parameter.data.zero_()
        return vae

    monkeypatch.setattr(objective, "random_vae", silent)
    table = first_reconstruction_table(SETTINGS, seed=1)
    assert table["mean"].tolist() == pytest.approx([784 * math.log(2)] * 2, rel=1e-9)
