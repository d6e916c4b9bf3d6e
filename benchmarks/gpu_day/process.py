"""A child process that is watched, and ended in time."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

POLL = 0.05  # seconds
PATIENCE = 10.0  # seconds that a process has to end itself
PR_SET_PDEATHSIG = 1  # of linux/prctl.h


_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Have this process end when the one that started it is gone, killed or not; on Linux only."""
    if _prctl:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def run(
    command: Sequence[str], folder: Path, env: Mapping[str, str], log: Path, is_over: Callable[[], bool]
) -> int | None:
    """Run a command in `folder` until it ends or `is_over`; its exit code, or None where it was stopped.

    Its output is added to `log`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        try:
            while process.poll() is None:
                if is_over():
                    return None
                time.sleep(POLL)
            return process.returncode
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children: asked first, forced after PATIENCE seconds."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
