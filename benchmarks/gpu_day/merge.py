"""Put what a day has made in place: files of the pipeline's stages, and a record of checks and table."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from benchmarks.gpu_day import parts, workspace
from benchmarks.gpu_day.record import Record
from regen import artifacts
from regen.errors import InputError

RECORDED = Path("results/gpu")
"""Where checks and table are kept, beside the recorded runs."""

Found = dict[str, Any]


def merge(record: Record) -> str:
    """Put the results of a day into the repository in the working directory; return what to do next.

    Raises:
        InputError: a part is missing or damaged, or a result is that of other code or other settings than
            those here. Nothing is changed then.
    """
    if not record.file.exists():
        raise InputError(
            f"--merge: {record.root}: holds no results.json; allowed: the --out of a day's slices"
        )
    results = record.read()
    for name, step in results["steps"].items():
        stage, _, item = name.partition("@")
        parts.require(record.parts, step["parts"])
        parts.check(record.parts, step["parts"])
        if _key(stage, item) != step["key"]:
            raise InputError(
                f"{record.file}: {name}: made by other code or settings than those here; put back the commit "
                "that it was made with, and its settings into params.yaml"
            )
    for name, step in results["steps"].items():
        stage, _, item = name.partition("@")
        workspace.clear(Path(), stage, item)
        parts.unpack(record.parts, step["parts"], Path())
    if results["checks"] or results["table"]:
        _record(results)
    return _advice(list(results["steps"]))


def _key(stage: str, item: str) -> str | None:
    """Key by the settings here; None where they have no such item."""
    try:
        return workspace.key(stage, item, Path("params.yaml"))
    except KeyError:
        return None


def _advice(names: list[str]) -> str:
    if not names:
        return f"no run is done yet; checks and table are in {RECORDED}"
    data = sorted({name.partition("@")[2] for name in names if name.startswith("measure_reference@")})
    fetched = shlex.join(["dvc", "repro", *(f"fetch_data@{name}" for name in data)])
    return f"{fetched}  # the data, unless they are here\n{shlex.join(['dvc', 'commit', '--force', *names])}"


# ---- the record ------------------------------------------------------------------------------------------


def _record(results: Found) -> None:
    artifacts.write_text(RECORDED / "environment.json", json.dumps(results["environment"], indent=2) + "\n")
    artifacts.write_text(RECORDED / "checks.md", checks_page(results["checks"]))
    artifacts.write_text(RECORDED / "table.md", table_page(results["table"]))


def checks_page(checks: Found) -> str:
    """Page of the self-checks: a line for each, with its numbers."""
    lines = ["# Self-checks", "", "| check | passed | numbers | device |", "|---|---|---|---|"]
    for name, found in checks.items():
        about = ("passed", "gates", "key", "slice", "device")
        numbers = "; ".join(f"{key} {_text(value)}" for key, value in found.items() if key not in about)
        lines.append(f"| {name} | {'yes' if found['passed'] else 'no'} | {numbers} | {found['device']} |")
    return "\n".join(lines) + "\n"


def table_page(table: Found) -> str:
    """Page of the benchmark table: steps of GANs, then all else."""
    steps = {name: row for name, row in table.items() if "steps_per_second" in row}
    lines = [
        "# Benchmarks",
        "",
        "Steps of the generator, each after those of the critic; the share is of the measured rate of matrix "
        "products.",
        "",
        "| run, precision, way | steps/s (range) | target | GFLOP each | TFLOP/s | share | memory | device |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in steps.items():
        low, high = row["range"]
        lines.append(
            f"| {name} | {row['steps_per_second']:.4g} ({low:.4g} to {high:.4g}) | {row['target']} "
            f"| {row['gflop_per_step']:.3g} | {row['matrix_products_tflops']:.3g} | {row['share']:.0%} "
            f"| {row['peak_memory_gb']:.2g} GB | {row['device']} |"
        )
    lines += ["", "| what | of | seconds | parts or range | target | device |", "|---|---|---|---|---|---|"]
    for name, row in table.items():
        if name not in steps:
            parts_or_range = _text(row["parts"] if "parts" in row else row["range"])
            target = row.get("target", "")
            cells = (name, f"{row['of']:,}", f"{row['seconds']:.3g}", parts_or_range, target, row["device"])
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
