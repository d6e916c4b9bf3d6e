"""The process that does checks and table of a day, each result published at once.

    python -m benchmarks.gpu_day.measure DIR PROFILE SLICE

A part that fails may leave a CUDA device that nothing more can be done on: its error is noted, this process
ends with exit code 1, and the next one goes on with the other parts.
"""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_day.checks import checks
from benchmarks.gpu_day.profile import Profile, read_profile
from benchmarks.gpu_day.record import Record
from benchmarks.gpu_day.table import rows
from benchmarks.gpu_day.workspace import measured_key
from regen.training.device import keep_freed_memory, select_device
from regen.training.environment import environment

Parts = dict[tuple[str, str], Callable[[], dict[str, Any]]]


def parts_of(profile: Profile, device: torch.device) -> Parts:
    """What is measured, by section and name."""
    found: Parts = {("checks", name): check for name, check in checks(profile, device).items()}
    return found | {("table", name): row for name, row in rows(profile, device).items()}


def left(record: Record, profile: Profile, parts: Parts, number: int) -> Parts:
    """Those of `parts` that are still to be measured in slice `number`.

    What other code or settings gave is measured again, and so are checks that trainings wait for. What has
    failed in this slice is left to the next.
    """
    results, key = record.read(), measured_key(profile)
    failed = {name for name, error in results["errors"].items() if error["slice"] == number}

    def is_done(section: str, name: str) -> bool:
        found = results[section].get(name, {})
        waited_for = found.get("gates") and not found["passed"] and found["slice"] != number
        return name in failed or (found.get("key") == key and not waited_for)

    return {part: measure for part, measure in parts.items() if not is_done(*part)}


def main(folder: Path, profile_path: Path, number: int) -> int:
    """Measure what is left; return the exit code."""
    record, profile = Record(folder), read_profile(profile_path)
    device = select_device(profile.params.device, profile.params.precision)
    keep_freed_memory()
    made_with = environment(device)
    record.set("environment", {"date": date.today().isoformat(), **made_with})
    about = {"key": measured_key(profile), "slice": number, "device": made_with["device"]}
    for (section, name), measure in left(record, profile, parts_of(profile, device), number).items():
        gc.collect()  # what the last part held counts in no other's peak memory
        try:
            found = measure()
        except Exception as error:  # whatever it is, the other parts are worth measuring
            traceback.print_exc()
            message = (str(error).strip() or type(error).__name__).splitlines()[0]
            record.put("errors", name, {"slice": number, "message": message})
            return 1
        record.put(section, name, found | about)
        print(f"{section}: {name}: {found}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
