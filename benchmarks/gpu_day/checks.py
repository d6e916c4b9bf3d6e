"""Self-checks: the tests that want CUDA, recorded steps against plain ones, lower precisions against float32.

A check gives numbers and whether it `passed`; trainings wait for those that `gate` them.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import memory
from benchmarks.gan import Ours
from benchmarks.gpu_day.process import run
from benchmarks.gpu_day.profile import ROOT, Profile
from benchmarks.precision import precisions
from regen.artifacts import metric
from regen.artifacts.paths import cache_dir
from regen.data.prepare import prepare_dataset
from regen.params.gan import GanRun
from regen.training.device import set_precision

Found = dict[str, Any]

SAME = 1e-4
"""Relative difference in float64, at most, between recorded and plain steps.

Other sums, by other kernels, may send a weight to another point of the grid (`regen.training.grid`), about
one in a hundred million weights and steps; that is 1e-7 after ten steps. A wrong recording is 1e-2 off.
"""
LIKE_SEEDS = 1.5
"""Distance of two precisions, at most, in units of that of two seeds: both are estimates from few seeds."""
PATIENCE = 240
"""Seconds for the tests."""
WINDOW = 10
"""Steps whose mean is a point of a loss curve."""


def checks(profile: Profile, device: torch.device) -> dict[str, Callable[[], Found]]:
    """All checks by name, none of them done yet."""
    settings, runs = profile.day.checks, {name: profile.params.gan[name] for name in profile.day.checks.runs}
    found: dict[str, Callable[[], Found]] = {"tests": partial(run_tests, ROOT / settings.tests)}
    if device.type == "cuda":
        for name, run in runs.items():
            found[f"recorded, {name}"] = partial(recorded_is_plain, run, settings.recorded_steps, device)
    for name, run in runs.items():
        curve = cache(partial(curves, run, settings.steps, device))  # float32's are compared again and again
        for precision in precisions(device)[1:]:
            gates = precision == profile.precision
            found[f"{precision}, {name}"] = partial(near_float32, curve, precision, settings.seeds, gates)
    return found


def run_tests(folder: Path) -> Found:
    """Run the tests below `folder` that want CUDA, with warnings shown rather than as errors."""
    files = sorted(str(path) for path in folder.rglob("test_*.py") if "mark.cuda" in path.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as place:
        report, log = Path(place) / "report.xml", Path(place) / "log"
        options = ["-q", "-p", "no:cacheprovider", "-W", "default", "-c", "pyproject.toml", "--rootdir", "."]
        command = [sys.executable, "-m", "pytest", *options, "-m", "cuda", f"--junitxml={report}", *files]
        until = time.monotonic() + PATIENCE
        code = run(command, ROOT, os.environ, log, lambda: time.monotonic() > until)
        told = log.read_text("utf-8", "replace").strip()
        print(told, flush=True)
        if code is None:
            return {"passed": False, "gates": True, "what": f"no end after {PATIENCE} s"}
        if not report.exists():
            return {"passed": False, "gates": True, "what": (told or "no tests were run").splitlines()[-1]}
        suite = ET.parse(report).getroot()[0]
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    wrong = [
        f"{case.attrib['classname']}.{case.attrib['name']}" for case in suite.iter("testcase") if _fails(case)
    ]
    is_done = counts["tests"] > counts["skipped"] or not torch.cuda.is_available()
    passed = is_done and not (counts["failures"] or counts["errors"])
    return {"passed": passed, "gates": True, **counts, "failed": wrong}


def _fails(case: ET.Element) -> bool:
    return case.find("failure") is not None or case.find("error") is not None


@cache
def images(device: torch.device) -> Tensor:
    """Images (N, 3, 32, 32) uint8 that need no download: coloured digits."""
    dataset = prepare_dataset("digits_color", None, cache_dir() / "downloads")
    return dataset.splits["train"].pixels.to(device)


def trace(run: GanRun, steps: int, device: torch.device, precision: str, seed: int, recorded: bool) -> Tensor:
    """Terms (steps, 4) of a training from its first step on, in the precision that is set."""
    torch.manual_seed(seed)
    ours = Ours(run, images(device), device, precision, recorded)
    return torch.stack([ours.step().clone() for _ in range(steps)]).cpu().double()


def reset_memory(device: torch.device) -> int:
    """Bytes of the device that are taken now, from where on `peak_memory` is to measure; 0 on a CPU.

    Libraries keep workspaces of what was computed before until the process ends.
    """
    if device.type != "cuda":
        return 0
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def peak_memory(device: torch.device, taken: int) -> float:
    """Peak memory in GB: of the device beyond what was `taken` before, or of this process on a CPU."""
    return (torch.cuda.max_memory_allocated() - taken) / 1e9 if device.type == "cuda" else memory.peak()


def recorded_is_plain(run: GanRun, steps: int, device: torch.device) -> Found:
    """Compare recorded and plain steps in float64, from the same weights and random numbers."""
    set_precision("float64", device)
    found, peaks = [], []
    for recorded in (False, True):
        taken = reset_memory(device)
        found.append(trace(run, steps, device, "float64", seed=1, recorded=recorded))
        peaks.append(peak_memory(device, taken))
    plain, replayed = found
    difference = float(((plain - replayed).abs() / plain.abs().clamp(min=1e-3)).max())
    return {
        "passed": difference <= SAME,
        "gates": True,
        "steps": steps,
        "largest_relative_difference": metric(difference),
        "allowed": SAME,
        "peak_memory_gb": {"plain": peaks[0], "recorded": peaks[1]},
    }


def curves(run: GanRun, steps: int, device: torch.device, precision: str, seed: int) -> Tensor:
    """Loss curves (points, 4) of the first steps: means over WINDOW steps."""
    set_precision(precision, device)
    terms = trace(run, steps, device, precision, seed, recorded=True)
    return torch.stack([window.mean(0) for window in terms.split(WINDOW)])


def near_float32(curve: Callable[[str, int], Tensor], precision: str, seeds: int, gates: bool) -> Found:
    """Compare the distance of two precisions' curves, of the same seed, with that of two seeds in float32.

    Both are root mean squares over a curve's points, averaged over seeds and over pairs of seeds.
    """
    exact = [curve("float32", seed) for seed in range(1, seeds + 1)]
    lower = [curve(precision, seed) for seed in range(1, seeds + 1)]
    distance = torch.stack([_distance(a, b) for a, b in zip(exact, lower, strict=True)]).mean(0)
    spread = torch.stack([_distance(a, b) for a, b in combinations(exact, 2)]).mean(0)
    names = ("metric", "critic_loss", "penalty", "generator_loss")
    told = {name: (float(d), float(s)) for name, d, s in zip(names, distance, spread, strict=True) if s != 0}
    return {
        "passed": all(d <= LIKE_SEEDS * s for d, s in told.values()),
        "gates": gates,
        "seeds": seeds,
        "distance": {name: metric(d) for name, (d, _) in told.items()},
        "spread_of_seeds": {name: metric(s) for name, (_, s) in told.items()},
    }


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().mean(0).sqrt()
