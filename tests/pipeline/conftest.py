"""A clone with tiny settings, in which the pipeline runs once for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.clones import Clone, Stage, copy_of, make_clone, with_dvc
from pipeline.nodes import TOKEN, Nodes, with_variable
from pipeline.toy import Toy, after, in_folder, make_toy
from regen.pipeline.task import Place
from waiting import wait_for


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a clone of the working tree, uncommitted changes included, in which nothing has run."""
    return make_clone(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Return a clone after one `regen run` from nothing, with everything committed.

    With pytest-xdist the first worker that asks runs the pipeline, on all cores, while the others wait; each
    has a copy, since `disturbed` changes it.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return reproduce(tmp_path_factory.mktemp("pipeline"))
    common = tmp_path_factory.getbasetemp().parent
    name = common / "reproduced.txt"
    with FileLock(common / "reproduced.lock"):
        if not name.exists():
            base = tmp_path_factory.mktemp("pipeline")
            reproduce(base)
            name.write_text(str(base))
    return copy_of(Path(name.read_text()), tmp_path_factory.mktemp("pipeline"))


def reproduce(base: Path) -> Clone:
    """Return a clone below `base` after a run."""
    clone = make_clone(base)
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


@pytest.fixture
def toy(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Toy]:
    """Return a toy, with as many stages before the others as a test's parameter says."""
    toy = make_toy(tmp_path, after(getattr(request, "param", 0)))
    yield toy
    for process in in_folder(toy.root):
        process.kill()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Return a cluster of four nodes, for one module alone: it ends when no process of Ray is left."""
    with_dvc()  # started without the token, as no process of Ray's: it stays until all tests end
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_TOKEN", TOKEN)
        pytest.importorskip("regen.pipeline.cluster", reason="Ray is not installed", exc_type=ImportError)
        nodes = Nodes(tmp_path_factory.mktemp("nodes"))
        yield nodes
        nodes.end()
        wait_for(lambda: not with_variable("RAY_AUTH_TOKEN", TOKEN))


@pytest.fixture(scope="module")
def connection(nodes: Nodes) -> Iterator[None]:
    """Connect to the nodes, which takes seconds."""
    from regen.pipeline.connection import connected

    with connected(nodes.address):
        yield


@pytest.fixture
def place(connection: None, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Place:  # noqa: ARG001
    """Return the nodes as a place, in the toy's folder."""
    from regen.pipeline.cluster import Cluster, tracked_files

    monkeypatch.chdir(toy.root)
    monkeypatch.setenv("REGEN_CACHE", toy.env["REGEN_CACHE"])
    monkeypatch.delenv("REGEN_THREADS", raising=False)
    return Cluster(tracked_files(()))
