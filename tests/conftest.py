import pytest
import torch

torch.set_default_dtype(torch.float64)  # for what test modules make when they are imported


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small tensors gain nothing by more, and lose much where others are at work on the same cores."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def _float64_from_the_start() -> None:
    """Fixtures of modules and of the session are made before those of a test."""
    torch.set_default_dtype(torch.float64)


@pytest.fixture(autouse=True)
def _float64() -> None:
    """What is computed in two ways is compared in float64: its last bits are far below what matters.

    A test of another precision leaves it to none after it.
    """
    torch.set_default_dtype(torch.float64)
