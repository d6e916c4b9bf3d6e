"""The tables of one small measurement."""

import pytest

from regen.theory.measure import measure
from theory.small import SETTINGS


@pytest.fixture(scope="module")
def tables():
    return measure(SETTINGS, seed=1)
