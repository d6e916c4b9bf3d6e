"""A clone with tiny settings, in which the pipeline runs once for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.clones import Clone, Stage, make_clone


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a clone of the working tree, uncommitted changes included, in which nothing has run."""
    return make_clone(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="session")
def reproduced(clone: Clone) -> Clone:
    """Return the clone after one `regen run` from nothing, with everything committed."""
    clone.regen("run")
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--message=Reproduce")
    return clone


@pytest.fixture
def disturbed(reproduced: Clone) -> Iterator[Clone]:
    """Return the reproduced clone to a test that changes it; it is put back afterwards."""
    yield reproduced
    reproduced.git("checkout", "--quiet", "--", ".")
    reproduced.dvc("checkout", "--quiet")


@pytest.fixture(scope="session")
def stages(clone: Clone) -> dict[str, Stage]:
    """Return all stages by name."""
    return clone.stages()
