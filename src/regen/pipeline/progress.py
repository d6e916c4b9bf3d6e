"""How far a task is, by the end of its log."""

from __future__ import annotations

import re
from pathlib import Path

TAIL = 4096  # bytes: enough for a bar and the line of an error


def last_line(log: Path) -> str:
    """Last line that has words; of a bar, which is drawn over itself, what one would see."""
    lines = (line.rsplit("\r")[-1].strip() for line in reversed(_tail(log).split("\n")))
    return next((line for line in lines if line), "")


def progress(log: Path) -> float | None:
    """Fraction of the last bar that is done; None where there is no bar."""
    percents = re.findall(r"(\d+)%\|", _tail(log))
    return int(percents[-1]) / 100 if percents else None


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
