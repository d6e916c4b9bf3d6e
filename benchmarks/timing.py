"""How benchmarks are timed: ours and the plain way in turn, in one process; medians and their ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Timing:
    """One line of the result: median seconds of ours and of the plain way, where there is one."""

    what: str
    seconds: float
    plain_seconds: float | None
    ratio: float | None
    """Median of the ratios of neighbouring repeats, which sees both in the same mood of the machine."""
    target: str
    spread: tuple[float, float]
    """Fastest and slowest of our repeats, in seconds."""

    def row(self) -> str:
        """Return the line as a row of `HEADING`'s table."""
        plain = duration(self.plain_seconds) if self.plain_seconds else ""
        ratio = f"{self.ratio:.2g}" if self.ratio else ""
        spread = " to ".join(duration(each) for each in self.spread)
        return f"| {self.what} | {plain} | {duration(self.seconds)} ({spread}) | {ratio} | {self.target} |"


def duration(seconds: float) -> str:
    """Return a time in milliseconds, seconds or minutes."""
    if seconds < 0.05:
        return f"{seconds * 1e3:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 300 else f"{seconds / 60:.3g} min"


HEADING = "| what | plain loop | regen: median (range) | ratio | target |\n|---|---|---|---|---|"


def wait(device: torch.device) -> None:
    """Wait until `device` has done all that it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def seconds(function: Callable[[], object], scale: float = 1.0) -> float:
    """Return how long `function` takes, times `scale` where it does only a part of the work."""
    began = time.perf_counter()
    function()
    return (time.perf_counter() - began) * scale


def compare(
    what: str,
    ours: Callable[[], object],
    plain: Callable[[], object] | None,
    *,
    target: str,
    repeats: int = 7,
    part: float = 1.0,
    plain_part: float = 1.0,
) -> Timing:
    """Time both in turn, `repeats` times after one uncounted warm-up of ours.

    `part` and `plain_part` are the shares of the whole work that the functions do; times are scaled to it.
    """
    ours()
    times, plain_times = [], []
    for _ in range(repeats):
        times.append(seconds(ours, 1 / part))
        if plain:
            plain_times.append(seconds(plain, 1 / plain_part))
    spread = (min(times), max(times))
    if not plain:
        return Timing(what, statistics.median(times), None, None, target, spread)
    ratio = statistics.median(slow / fast for slow, fast in zip(plain_times, times, strict=True))
    return Timing(what, statistics.median(times), statistics.median(plain_times), ratio, target, spread)
