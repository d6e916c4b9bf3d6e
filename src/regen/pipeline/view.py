"""What a run shows while it lasts: a line for each event and, on a terminal, one that is kept up to date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dvc.stage import Stage
from tqdm import tqdm

from regen.pipeline.engine import Engine
from regen.pipeline.outcome import Outcome
from regen.pipeline.progress import progress
from regen.pipeline.task import FOLDER

SECONDS = FOLDER / "seconds.json"
"""How long stages took when they ran last, by name."""


def show(bar: tqdm[Any], known: Mapping[str, float], engine: Engine) -> None:
    """Bring the bar up to date: what is done, what runs and how far it is, and how long the rest may take."""
    bar.n = len(engine.done) + len(engine.lost)
    left = rest(engine, known)
    about = [f"about {duration(left)} left"] if left is not None else []
    running = [f"{task.name} {_how_far(task.log, one.seconds)}" for task, (_, one) in engine.running.items()]
    bar.set_postfix_str(", ".join(about + running))


def _how_far(log: Path, seconds: float) -> str:
    done = progress(log)
    return duration(seconds) if done is None else f"{done:.0%}"


def duration(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def rest(engine: Engine, known: Mapping[str, float]) -> float | None:
    """Seconds until all is done, from those that stages took before; None where nothing tells.

    It is at least the longest chain of stages that wait for each other, and at least all that is left to do,
    shared among as many as run now. A stage that never ran is taken for an average one.
    """
    ahead = [stage for stage in engine.stages if stage not in engine.done | engine.lost]
    left = {stage: _left(engine, stage, known) for stage in ahead}
    told = [seconds for seconds in left.values() if seconds is not None]
    if not told:
        return None
    average = sum(told) / len(told)
    until: dict[Stage, float] = {}
    for stage in ahead:  # in the order of their needs
        before = max((until.get(need, 0.0) for need in engine.graph.stages_needed(stage)), default=0.0)
        seconds = left[stage]
        until[stage] = before + (average if seconds is None else seconds)
    work = sum(average if seconds is None else seconds for seconds in left.values())
    return max(work / max(1, len(engine.running)), *until.values())


def _left(engine: Engine, stage: Stage, known: Mapping[str, float]) -> float | None:
    """Seconds left of one stage, by what it took before, else by its bars."""
    took = known.get(stage.addressing)
    if stage not in engine.begun:
        return took
    elapsed = engine.begun[stage].seconds
    if took is not None:
        return max(0.0, took - elapsed)
    bars = [progress(task.log) for task, (owner, _) in engine.running.items() if owner == stage]
    done = min((bar for bar in bars if bar is not None), default=0.0)
    return elapsed * (1 - done) / done if done else None


def read_seconds() -> dict[str, float]:
    """Seconds that stages took when they ran last; none where that is not known, or not readable."""
    try:
        found = json.loads(SECONDS.read_text())
        return {str(name): float(seconds) for name, seconds in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def write_seconds(outcome: Outcome) -> None:
    """Note what stages took, for the next run's estimate; where that fails, it has none."""
    with suppress(OSError):
        if outcome.ran:
            SECONDS.parent.mkdir(parents=True, exist_ok=True)
            SECONDS.write_text(json.dumps(read_seconds() | outcome.ran, indent=1, sort_keys=True))
