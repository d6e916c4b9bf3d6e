"""Files as a revision of the repository has them, and figures by their hashes."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

from regen.errors import InputError

FIGURES = "reports/figures"


@dataclass(frozen=True)
class Revision:
    """A commit, under the name that the user has for it."""

    name: str
    commit: str

    @classmethod
    def of(cls, name: str) -> Self:
        """Branch, tag, commit, or experiment of DVC; InputError if there is no such revision."""
        found = git("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
        commit = found.decode().strip() or experiments().get(name, "")
        if not commit:
            raise InputError(
                f"BASE: {name!r}: no revision of this repository; allowed: what `git log` understands"
            )
        return cls(name, commit)

    def read(self, path: str) -> bytes | None:
        """Content of a file; None if the revision has none."""
        listed = git("ls-tree", "--name-only", "-z", self.commit, "--", path)
        return git("show", f"{self.commit}:{path}") if listed else None

    def figures(self, lock: Mapping[str, Any]) -> dict[str, str]:
        """Hash of each figure, by path; `lock` is the content of its dvc.lock."""
        lines = git("ls-tree", "-r", "-z", self.commit, "--", FIGURES).decode().split("\0")
        entries = (line.partition("\t") for line in lines if line)
        return _with_dvc({path: about.split()[2] for about, _, path in entries}, lock)


def figures_here(lock: Mapping[str, Any]) -> dict[str, str]:
    """Hash of each figure of the workspace, by path; `lock` is the content of dvc.lock."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", FIGURES)
    paths = sorted({path for path in listed.decode().split("\0") if path and Path(path).is_file()})
    hashes = git("hash-object", "--stdin-paths", given="\n".join(paths)).decode().split() if paths else []
    return _with_dvc(dict(zip(paths, hashes, strict=True)), lock)


def _with_dvc(figures: dict[str, str], lock: Mapping[str, Any]) -> dict[str, str]:
    """Add the outputs among the figures that DVC keeps and git does not: a folder has one hash."""
    folders = {
        str(parent) for path in figures for parent in (PurePosixPath(path), *PurePosixPath(path).parents)
    }
    outs = [out for stage in (lock.get("stages") or {}).values() for out in stage.get("outs", ())]
    kept = {out["path"]: str(out.get("md5")) for out in outs if out["path"].startswith(f"{FIGURES}/")}
    return figures | {path: value for path, value in kept.items() if path not in folders}


def experiments() -> dict[str, str]:
    """Commits of DVC's experiments, by name."""
    lines = git("for-each-ref", "--format=%(refname:lstrip=-1) %(objectname)", "refs/exps").decode()
    return dict(line.rsplit(" ", 1) for line in lines.splitlines())


def git(*args: str, given: str = "") -> bytes:
    """Output of a git command, which reads `given`; empty where it fails."""
    return subprocess.run(["git", *args], capture_output=True, input=given.encode()).stdout
