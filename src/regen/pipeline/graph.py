"""DVC's pipeline for the engine: its graph, what is stale, its run-cache and its records.

All of it is DVC's own doing, called by stage instead of by `dvc repro`, which runs one stage at a time and
reads and writes `dvc.lock` after each.
"""

from __future__ import annotations

import json
import pickle
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
import psutil
from dvc.exceptions import DvcException
from dvc.fs import LocalFileSystem
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro
from dvc.rwlock import RWLOCK_FILE
from dvc.stage import Stage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.utils.serialize import LOADERS, load_yaml
from dvc_data.hashfile.hash import hash_file
from dvc_data.hashfile.hash_info import HashInfo

from regen.errors import InputError, RunError
from regen.params.mistakes import suggest
from regen.pipeline.records import Records

FAULTS = DvcException, OSError, sqlite3.Error
"""What DVC ends by where an input or output is not there, or a disk is full, its database's included."""


@dataclass(frozen=True)
class Graph:
    """The stages of dvc.yaml."""

    repo: Repo

    @property
    def needs(self) -> Any:
        """A networkx.DiGraph with an edge from each stage to each that it needs; DVC reads dvc.yaml once."""
        return self.repo.index.graph

    def selected(self, targets: Iterable[str]) -> list[Stage]:
        """Stages that `targets` name, with all that they need, in the order of `dvc repro`.

        Raises:
            InputError: no stage has that name.
        """
        named = [stage for target in targets for stage in self._named(target)]
        return list(plan_repro(self.needs, named or self.repo.index.stages))

    def _named(self, target: str) -> list[Stage]:
        """Stages of that name: `train_vae` names all of its runs, `train_vae@l100` the one."""
        try:
            return list(self.repo.stage.collect(target))
        except DvcException:
            base = target.partition("@")[0]
            runs = [stage.addressing for stage in self.needs if stage.addressing.startswith(f"{base}@")]
            names = {stage.addressing.partition("@")[0] for stage in self.needs}
            hint = suggest(target, runs) if runs else f"{suggest(base, list(names))}, or one NAME@RUN"
            raise InputError(f"dvc.yaml: stages: no {target!r}; {hint}") from None

    def stages_needed(self, stage: Stage) -> set[Stage]:
        """Stages whose outputs `stage` depends on."""
        return set(self.needs.successors(stage))

    def chain(self, stage: Stage) -> int:
        """Stages of the longest chain of those that wait for `stage`."""
        waiting = self.needs.subgraph(nx.ancestors(self.needs, stage) | {stage})
        return nx.dag_longest_path_length(waiting)


@contextmanager
def locked_graph() -> Iterator[Graph]:
    """Open the DVC repository of the working directory, for this process alone until the block ends.

    What processes that were killed have left is put right: DVC's list of files in use, where there is half of
    it, is removed, and stages that finished are written to dvc.lock.

    Raises:
        InputError: there is no repository, or dvc.yaml is not a pipeline.
        RunError: another DVC process holds the repository, or dvc.lock cannot be written.
    """
    try:
        with Repo(".") as repo, repo.lock:
            _check_files_in_use(Path(repo.tmp_dir) / RWLOCK_FILE)
            if Records(repo).take_up():
                repo._reset()  # it has read dvc.lock
            with params_read_once():
                yield Graph(repo)
    except LockError as error:
        raise RunError(f".dvc/tmp/lock: held by another DVC or regen process ({line_of(error)})") from None
    except DvcException as error:
        raise InputError(f"dvc.yaml: {line_of(error)}") from error
    except sqlite3.Error as error:
        raise RunError(f"DVC's database of files (core.site_cache_dir): {line_of(error)}") from None


def _check_files_in_use(path: Path) -> None:
    """Refuse to run beside `dvc repro`, which gives its lock back while a stage runs.

    Half of a list, or one of a process that is gone, is no obstacle.
    """
    try:
        began = path.stat().st_mtime
        users = json.loads(path.read_text())
    except FileNotFoundError:
        return
    except ValueError:
        path.unlink()
        return
    writers = users.get("write", {}).values()
    for user in [*writers, *(reader for readers in users.get("read", {}).values() for reader in readers)]:
        try:
            alive = psutil.Process(user["pid"]).create_time() <= began  # else another with its number
        except psutil.Error:
            continue
        if alive:
            raise RunError(f".dvc/tmp/{path.name}: stages run in process {user['pid']}, {user['cmd']!r}")


@contextmanager
def params_read_once() -> Iterator[None]:
    """Have DVC parse params.yaml again only when it has changed; it asks for it once a stage.

    A loader of one's own for a kind of file is what DVC's table of them is for.
    """
    parsed: dict[tuple[object, ...], bytes] = {}

    def load(path: str, fs: Any = None, **options: Any) -> Any:
        if options or not isinstance(fs, LocalFileSystem):
            return load_yaml(path, fs=fs, **options)
        now = Path(path).stat()
        key = path, now.st_ino, now.st_size, now.st_mtime_ns
        if key not in parsed:
            parsed[key] = pickle.dumps(load_yaml(path, fs=fs))
        return pickle.loads(parsed[key])  # a copy for each, who may change it

    LOADERS[".yaml"] = load
    try:
        yield
    finally:
        del LOADERS[".yaml"]


def line_of(error: BaseException) -> str:
    """Message of an error, on one line."""
    return " ".join(str(error).split())


def is_stale(stage: Stage) -> bool:
    """Whether the stage's command, inputs, params or outputs are not those that dvc.lock has."""
    return bool(stage.changed())


def restored(stage: Stage) -> bool:
    """Remove a stale stage's outputs; put those of an earlier run in place where the run-cache has them."""
    stage.remove_outs(ignore_remove=False, force=False)
    if _put_in_place(stage):
        return True
    for out in stage.outs:  # where dvc.lock has those of another machine, DVC looks for no others
        out.hash_info = HashInfo()
    if _put_in_place(stage):
        return True
    stage.save_deps()  # as DVC: fails where an input is gone
    return False


def _put_in_place(stage: Stage) -> bool:
    """Put outputs in place where the run-cache has them, intact."""
    try:
        stage.repo.stage_cache.restore(stage)
    except RunCacheNotFoundError:
        return False
    if _is_intact(stage):
        return True
    stage.remove_outs(ignore_remove=False, force=False)
    return False


def _is_intact(stage: Stage) -> bool:
    """Whether restored outputs are what they are said to be; files of the cache that are not are removed.

    DVC looks at names and sizes only: it trusts a file of its cache that is read-only.
    """
    intact = True
    for out in stage.outs:
        whole = Path(out.fs_path)
        for file in [whole] if whole.is_file() else (path for path in whole.rglob("*") if path.is_file()):
            _, said = hash_file(str(file), out.fs, out.hash_name, stage.repo.state)
            _, found = hash_file(str(file), out.fs, out.hash_name)
            if said != found:
                intact = False
                out.cache.delete(said.value)
    return intact
