import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from unittest import mock

# Before torch is loaded, here and in the processes of tests: threads that spin while they wait for each other
# are slow where several tests share the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch

torch.set_default_dtype(torch.float64)  # for what test modules and their fixtures make before a test


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have workers begin with what takes long, so that none ends long after the others.

    What needs a CUDA device is skipped without one.
    """
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))
    if hasattr(config, "workerinput"):
        items[:] = dealt(items, config.workerinput["workercount"])


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return `items` so that each worker, who gets an equal part, begins with its share of slow modules."""
    modules: dict[Path, list[pytest.Item]] = {}
    fast: list[pytest.Item] = []
    for item in items:
        (modules.setdefault(item.path, []) if item.get_closest_marker("slow") else fast).append(item)
    slow, rest = list(modules.values()), iter(fast)
    order: list[pytest.Item] = []
    for worker in range(workers):
        own = [item for module in slow[worker::workers] for item in module]
        size = (len(items) - len(order)) // (workers - worker)
        order += [*own, *islice(rest, max(0, size - len(own)))]
    return [*order, *rest]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small tensors gain nothing by more, and lose much where others are at work on the same cores."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


@pytest.fixture(autouse=True, scope="session")
def _no_sync() -> Iterator[None]:
    """Tests' files need not outlive a power cut; what waits for the disk are the processes of tests, and some
    tests of just that.
    """
    with mock.patch.object(os, "fsync", return_value=None):
        yield


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    """What is computed in two ways is compared in float64: its last bits are far below what matters.

    A test of another precision leaves it to none after it, nor to fixtures of modules, which are made before.
    """
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float64)


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """What a test sets for torch and MKL, as each stage does, must not reach the processes of later tests."""
    with mock.patch.dict(os.environ):
        yield
