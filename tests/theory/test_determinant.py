import pytest
import torch

from regen.bijections import Planar
from regen.theory import determinant
from regen.training.device import set_precision


def test_the_lemma_gives_the_determinant_of_the_jacobian():
    assert determinant.summary(seed=1) == {"determinant_difference": pytest.approx(1e-9)}


def test_a_wrong_determinant_is_seen(monkeypatch):
    right = Planar.forward

    def wrong(planar, x):
        mapped = right(planar, x)
        return mapped._replace(ladj=mapped.ladj + 1e-3)

    monkeypatch.setattr(Planar, "forward", wrong)
    assert determinant.summary(seed=1)["determinant_difference"] > 1e-4


def test_points_are_float64_whatever_the_run_computes_in():
    set_precision("float32", torch.device("cpu"))
    assert determinant.summary(seed=2)["determinant_difference"] < 1e-6
