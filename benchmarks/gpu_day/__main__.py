"""A day on a GPU, in slices of some minutes: self-checks, the benchmark table, the full GAN runs.

    python -m benchmarks.gpu_day --out DIR [--minutes 10] [--profile FILE] [--anyway]
    python -m benchmarks.gpu_day --merge DIR

Needs no DVC, but for the data of the runs, or a mirror of them (REGEN_DATA_MIRROR). Called again with the
same DIR it goes on; on another machine DIR's results.json and parts/ are enough.
"""

from __future__ import annotations

import time

BEGAN = time.monotonic()  # before the imports, which take seconds of the slice

from pathlib import Path  # noqa: E402
from typing import Annotated  # noqa: E402

import typer  # noqa: E402

from benchmarks.gpu_day.merge import merge as put_in_place  # noqa: E402
from benchmarks.gpu_day.profile import PAPER, Profile, read_profile  # noqa: E402
from benchmarks.gpu_day.record import Record  # noqa: E402
from benchmarks.gpu_day.slice import Slice  # noqa: E402
from regen import stage  # noqa: E402
from regen.errors import InputError  # noqa: E402
from regen.training.device import select_device  # noqa: E402


def gpu_day(
    out: Annotated[Path | None, typer.Option(help="folder of the day, in which it goes on")] = None,
    minutes: Annotated[float, typer.Option(help="time of this slice")] = 10,
    profile: Annotated[Path, typer.Option(help="what is done, and with which settings")] = PAPER,
    merge: Annotated[Path | None, typer.Option(help="folder whose results are put in place here")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="train even if a self-check failed")] = False,
) -> None:
    """Do a slice of a day on a GPU, or put what it has made in place."""
    if (out is None) == (merge is None):
        raise InputError("--out, --merge: allowed: exactly one of the two")
    if merge is not None:
        print(put_in_place(Record(_folder("--merge", merge))))
    elif out is not None:
        folder, settings = _folder("--out", out), read_profile(profile)
        _check_minutes(minutes, settings)
        _check_device(settings)
        raise typer.Exit(Slice(Record(folder), settings, minutes, began=BEGAN, anyway=anyway).run())


def _folder(option: str, path: Path) -> Path:
    """Absolute path of a folder that may still have to be made."""
    if next(part for part in (path, *path.absolute().parents) if part.exists()).is_dir():
        return path.absolute()
    raise InputError(f"{option}: {path}: is or lies in a file; allowed: a folder")


def _check_device(profile: Profile) -> None:
    """Refuse a device that is not there, and to take a CPU for a GPU unless that is asked for."""
    params = profile.params
    device = select_device(params.device, params.precision)
    if device.type == "cpu" and params.device == "auto":
        raise InputError(
            f"{profile.params_path}: device: 'auto': finds no GPU; allowed: cpu, to do without one"
        )


def _check_minutes(minutes: float, profile: Profile) -> None:
    least = profile.day.reserve / 60
    if not least < minutes < float("inf"):
        raise InputError(
            f"--minutes: {minutes:g}: allowed: more than {least:.2g}, which a slice needs to stop in time"
        )


if __name__ == "__main__":
    stage.run(gpu_day)
