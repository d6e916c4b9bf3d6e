"""The style of all figures, for tests that draw without writing."""

import matplotlib.pyplot as plt
import pytest

from regen.figures.style import use_style


@pytest.fixture
def style():
    with use_style():
        yield
    plt.close("all")
