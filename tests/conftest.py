import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small tensors gain nothing by more, and lose much where others are at work on the same cores."""
    torch.set_num_threads(1)
