"""Print what changed since a revision, as Markdown: python stages/write_diff.py main."""

import subprocess
import sys
from typing import Annotated

import typer

from regen import stage
from regen.errors import InputError, RunError


def write_diff(base: Annotated[str, typer.Argument(help="a branch, tag, commit or experiment")]) -> None:
    """Print, as Markdown, what changed in metrics and params between the revision BASE and the workspace."""
    if not is_revision(base):
        raise InputError(
            f"BASE: {base!r}: no revision of this repository; allowed: what `git log` understands"
        )
    metrics, params = changes("metrics", base), changes("params", base)
    print(f"## Changes since `{base}`\n\n### Metrics\n\n{metrics}\n\n### Params\n\n{params}")


def is_revision(base: str) -> bool:
    """Whether `base` names a commit, or an experiment of DVC."""
    commit = git("rev-parse", "--quiet", "--verify", "--end-of-options", f"{base}^{{commit}}")
    experiments = git("for-each-ref", "--format=%(refname:lstrip=-1)", "refs/exps").split()
    return bool(commit) or base in experiments


def git(*args: str) -> str:
    """Output of a git command; empty where it fails."""
    return subprocess.run(["git", *args], capture_output=True, text=True).stdout


def changes(kind: str, base: str) -> str:
    """DVC's table of the metrics or params that changed, or a line that says that none did."""
    command = [sys.executable, "-m", "dvc", kind, "diff", "--md", "--", base]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RunError(f"dvc {kind} diff: {' '.join(done.stderr.split())}")
    rows = done.stdout.strip().splitlines()[2:]  # below the heading and its rule
    return done.stdout.strip() if rows else "No changes."


if __name__ == "__main__":
    stage.run(write_diff)
