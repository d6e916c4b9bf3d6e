"""DVC's pipeline for the engine: its graph, what is stale, its run-cache and its records.

All of it is DVC's own doing, called by stage instead of by `dvc repro`, which runs one stage at a time and
reads and writes `dvc.lock` after each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx as nx
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro
from dvc.rwlock import RWLOCK_FILE
from dvc.stage import Stage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.utils.serialize import modify_yaml

from regen.errors import InputError, RunError


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
            names = sorted({stage.addressing.partition("@")[0] for stage in self.needs})
            raise InputError(
                f"dvc.yaml: stages: no {target!r}; allowed: {', '.join(names)}, or one NAME@RUN"
            ) from None

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

    What a DVC process that was killed has left of its list of files in use is removed: it reads half of one
    no more than we do.

    Raises:
        InputError: there is no repository, or dvc.yaml is not a pipeline.
        RunError: another DVC process holds the repository.
    """
    try:
        with Repo(".") as repo, repo.lock:
            _remove_half_a_list(Path(repo.tmp_dir) / RWLOCK_FILE)
            yield Graph(repo)
    except LockError as error:
        raise RunError(f".dvc/tmp/lock: held by another DVC or regen process ({line_of(error)})") from None
    except DvcException as error:
        raise InputError(f"dvc.yaml: {line_of(error)}") from error


def _remove_half_a_list(path: Path) -> None:
    try:
        json.loads(path.read_text())
    except FileNotFoundError:
        pass
    except ValueError:
        path.unlink()


def line_of(error: Exception) -> str:
    """Message of an error, on one line."""
    return " ".join(str(error).split())


def is_stale(stage: Stage) -> bool:
    """Whether the stage's command, inputs, params or outputs are not those that dvc.lock has."""
    return bool(stage.changed())


def restored(stage: Stage) -> bool:
    """Remove a stale stage's outputs; put those of an earlier run in place where the run-cache has them."""
    stage.remove_outs(ignore_remove=False, force=False)
    try:
        stage.repo.stage_cache.restore(stage)
    except RunCacheNotFoundError:
        stage.save_deps()  # as DVC: fails where an input is gone
        return False
    return True


def record(stage: Stage) -> None:
    """Hash a finished stage's inputs and outputs, cache the outputs, and write all of it to dvc.lock."""
    uncached = any(not out.use_cache for out in stage.outs if not (out.is_metric or out.is_plot))
    stage.save(run_cache=not uncached)  # as DVC: the run-cache could not give all outputs back
    stage.commit()
    stage.dump(update_pipeline=False)


def sort_lock(plan: Sequence[Stage]) -> None:
    """Bring dvc.lock into the order in which `dvc repro` writes it, whatever finished first."""
    number = {stage.addressing: place for place, stage in enumerate(plan)}
    with modify_yaml(plan[0].dvcfile._lockfile.path) as lock:
        stages = lock["stages"]
        order = sorted(stages, key=lambda name: number.get(name, -1))
        if order != list(stages):
            lock["stages"] = {name: stages[name] for name in order}
