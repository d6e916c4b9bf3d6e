"""What has finished, on its way to `dvc.lock`: kept in a journal at once, written to the file in batches.

DVC reads and writes the whole of `dvc.lock` for each stage, which takes longer than many stages. Here a stage
is a line of the journal, synced to disk; a process that is killed leaves it to the next.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro
from dvc.stage import Stage
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

from regen.errors import RunError
from regen.pipeline import made
from regen.pipeline.task import FOLDER

EVERY = 30.0  # seconds between two batches: one takes half a second for a lock of 80 stages
LOCK = Path("dvc.lock")
JOURNAL = FOLDER / "finished.jsonl"


class Records:
    """Finished stages of the repository in the working directory, which this process has locked."""

    def __init__(self, repo: Repo) -> None:
        self.repo = repo
        self.over = digest(LOCK)
        """Of the dvc.lock that the lines of the journal go on top of."""
        self.pending: dict[str, Any] = {}
        """Entries of the journal, by stage."""
        self.lock: Any = None
        """What dvc.lock holds, once it was needed."""
        self.written = time.monotonic()

    def add(self, stage: Stage, began_with: made.Hashes | None = None) -> None:
        """Hash a finished stage's inputs and outputs, cache the outputs, and keep its entry for dvc.lock.

        Raises:
            RunError: the inputs are no longer those that the stage `began_with`.
            DvcException: an output is not there.
            OSError: the disk is full, or not for writing.
        """
        stage.save(run_cache=False)
        if began_with and (others := made.changed(began_with, made.inputs_of(stage))):
            raise RunError(f"changed while it ran, run it again: {', '.join(others)}")
        made.note(stage)
        stage.repo.stage_cache.save(stage)  # which copies what is in git; `dvc repro` leaves such stages out
        stage.commit()
        line = json.dumps({"over": self.over, "stages": to_lockfile(stage)})
        self._append(line)
        made.forget(stage)
        self.pending.update(ordered(line)["stages"])

    def _append(self, line: str) -> None:
        """Add a line to the journal; after an error it is as it was."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        text = f"{line}\n".encode()
        with JOURNAL.open("ab", buffering=0) as file:
            before = file.tell()
            try:
                if file.write(text) < len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    os.ftruncate(file.fileno(), before)
                raise

    def write_if_due(self) -> None:
        """Write a batch after EVERY seconds; where that fails, the journal has it, and the end tells."""
        if self.pending and time.monotonic() - self.written > EVERY:
            try:
                self._write()
            except OSError:
                self.written = time.monotonic()

    def write(self) -> None:
        """Bring dvc.lock up to date, in one step.

        Raises:
            RunError: the disk is full, or not for writing; the journal keeps what has finished.
        """
        try:
            if self.pending:
                self._write()
        except OSError as error:
            raise RunError(
                f"{LOCK}: {error.strerror or error}; the next run writes what {JOURNAL} keeps"
            ) from None

    def _write(self) -> None:
        if self.lock is None:
            self.lock = parse_yaml_for_update(LOCK.read_text(), str(LOCK)) if LOCK.exists() else {}
            self.lock = self.lock or {"schema": "2.0"}
        stages = {**self.lock.get("stages", {}), **self.pending}
        self.lock["stages"] = {name: stages[name] for name in self._order(stages)}
        part = FOLDER / LOCK.name
        with part.open("w") as file:
            file.write(dumps_yaml(self.lock))
            file.flush()
            os.fsync(file.fileno())
        part.replace(LOCK)
        JOURNAL.unlink(missing_ok=True)
        self.over = digest(LOCK)
        self.pending = {}
        self.written = time.monotonic()

    def _order(self, names: Iterable[str]) -> list[str]:
        """Order in which `dvc repro` writes them, whatever finished first."""
        plan = plan_repro(self.repo.index.graph, self.repo.index.stages)
        place = {stage.addressing: number for number, stage in enumerate(plan)}
        return sorted(names, key=lambda name: place.get(name, -1))

    def take_up(self) -> bool:
        """Write what a process that was killed has left in the journal; whether there was any.

        Lines over another dvc.lock than is there are dropped: they are in it, or it is newer.
        """
        if not JOURNAL.exists():
            return False
        for line in JOURNAL.read_text(errors="replace").split("\n"):
            try:
                kept = ordered(line)
                if kept["over"] == self.over:
                    self.pending.update(kept["stages"])
            except (ValueError, KeyError, TypeError):  # the last line, where it was cut short
                continue
        self.write()
        JOURNAL.unlink(missing_ok=True)
        return True


def digest(path: Path) -> str:
    """Hash of a file's content; of no content where there is no file."""
    return hashlib.sha256(path.read_bytes() if path.exists() else b"").hexdigest()


def ordered(line: str) -> Any:
    """Value of a JSON text, with the kind of mapping that DVC writes its entries from."""
    return json.loads(line, object_pairs_hook=OrderedDict)
