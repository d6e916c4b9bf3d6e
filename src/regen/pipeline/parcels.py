"""What goes to the nodes of a cluster, and what comes back, which is not taken on trust."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from regen.errors import RunError
from regen.pipeline.node import digest_of, remove, write
from regen.pipeline.task import Task

Outputs = Mapping[str, Mapping[str, tuple[str, bytes]]]
"""As in `regen.pipeline.node.Event`."""


@dataclass
class Contents:
    """What the nodes can fetch: each content is put into Ray's object store once."""

    offer: Callable[[bytes], Any]
    """ray.put"""
    refs: dict[str, Any] = field(default_factory=dict)
    """ray.ObjectRef by SHA-256."""
    known: dict[tuple[Path, int, int], str] = field(default_factory=dict)
    """SHA-256 of files by path, time and size."""

    def add(self, data: bytes) -> str:
        """Offer a content; its SHA-256."""
        digest = digest_of(data)
        if digest not in self.refs:
            self.refs[digest] = self.offer(data)
        return digest

    def add_file(self, path: Path) -> str:
        """Offer the content of a file; its SHA-256."""
        state = path, path.stat().st_mtime_ns, path.stat().st_size
        if state not in self.known:
            self.known[state] = self.add(path.read_bytes())
        return self.known[state]


def tracked_files(but: Sequence[Path]) -> bytes:
    """Pack a tar of the files that git tracks, as they are in the working tree; equal trees, equal bytes.

    Raises:
        RunError: the working directory is not in a git repository.
    """
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        raise RunError(f"git ls-files: {listed.stderr.strip()}")
    paths = [Path(name) for name in sorted(listed.stdout.split("\0")) if name]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in paths:
            if path.is_file() and not any(path.is_relative_to(folder) for folder in but):
                tar.add(path, filter=_without_owner)
    return buffer.getvalue()


def _without_owner(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


# ---- what comes back -------------------------------------------------------------------------------------


def verified(task: Task, outs: Outputs) -> dict[Path, dict[str, bytes]]:
    """Contents of a task's outputs, by their paths relative to the output, "." of a file.

    Raises:
        RunError: one is missing, is none of the task's, leaves its folder, or has another SHA-256 than said.
    """
    expected = {path.as_posix() for path in task.outs}
    if foreign := sorted(set(outs) - expected):
        raise RunError(f"{foreign[0]}: sent by the node, but no output of {task.name}")
    if missing := sorted(expected - set(outs)):
        raise RunError(f"{missing[0]}: not made")
    try:
        return {Path(out): _verified_files(out, files) for out, files in outs.items()}
    except (AttributeError, TypeError, ValueError):
        raise RunError(f"{task.name}: its node has sent something unknown") from None


def _verified_files(out: str, files: Mapping[str, tuple[str, bytes]]) -> dict[str, bytes]:
    if "." in files and len(files) > 1:
        raise RunError(f"{out}: sent by the node as a file and a folder at once")
    for path, (digest, data) in files.items():
        require_inside(path, f"an output below {out}")
        if digest_of(data) != digest:
            raise RunError(f"{PurePosixPath(out, path)}: not the bytes that the node has hashed")
    return {path: data for path, (_, data) in files.items()}


def require_inside(path: str, what: str) -> None:
    """Raise a RunError where a path is absolute or leads out of its folder."""
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise RunError(f"{path}: sent by the node as {what}, which it is not")


def publish(outs: Mapping[Path, Mapping[str, bytes]]) -> None:
    """Write files and folders beside their places, and rename them when all are there and on disk."""
    parts = {out: out.with_name(f".{out.name}.part") for out in outs}
    try:
        for out, part in parts.items():
            remove(part)
            if set(outs[out]) != {"."}:
                part.mkdir(parents=True)
            for path, data in outs[out].items():
                write(part / path, data)
                _sync(part / path)
        for out, part in parts.items():
            remove(out)
            part.rename(out)
    finally:
        for part in parts.values():
            remove(part)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
