"""Stages that have nothing but what dvc.yaml says that they need, on what passes for another processor."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.same import AVX2, differences, timeless
from regen.pipeline.children import PRELOAD
from waiting import PATIENCE

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is not on this system"),
]

TESTS = Path(__file__).parents[1]
MADE = "data", "models", "reports"
"""Folders of what stages make."""


def lay_out(stage, clone, folder):
    """Give a stage a folder with all that nobody makes, and with its own dependencies of what stages make."""
    folder.mkdir()
    for path in clone.root.iterdir():
        if path.name not in MADE and not path.name.startswith("."):
            (folder / path.name).symlink_to(path)
    for dep in stage.deps:
        source, target = clone.root / dep, folder / dep
        if dep.startswith(tuple(f"{name}/" for name in MADE)):
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)


def made(stage, root):
    """Return what a stage has made below `root`, by name."""
    files = [
        file for out in stage.outs for file in ((root / out), *(root / out).rglob("*")) if file.is_file()
    ]
    return {str(file.relative_to(root)): file.read_bytes() for file in files}


def test_other_processors_and_more_threads_give_the_same_bytes_from_declared_inputs(
    reproduced, stages, tmp_path
):
    """One stage of each kind, and all VAEs, which differ in what they compute."""
    firsts = {name.partition("@")[0]: name for name in reversed(stages)}.values()
    chosen = {name: stages[name] for name in stages if name in firsts or name.startswith("train_vae@")}
    assert len(chosen) > 30
    for name, stage in chosen.items():
        lay_out(stage, reproduced, tmp_path / name)
    asked = {"preload": PRELOAD, "stages": [(str(tmp_path / name), chosen[name].cmd) for name in chosen]}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.alone"], cwd=TESTS, input=json.dumps(asked), capture_output=True,
        text=True, env=reproduced.env | AVX2 | {"OMP_NUM_THREADS": "2", "PYTHONPATH": ""}, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    codes = json.loads(done.stdout)
    failed = {
        name: (tmp_path / name / "stage.log").read_text() for name in chosen if codes[str(tmp_path / name)]
    }
    assert failed == {}
    here, there = {}, {}
    for name, stage in chosen.items():
        here |= timeless(made(stage, reproduced.root))
        there |= timeless(made(stage, tmp_path / name))
    assert len(here) > 80
    assert differences(here, there) == {}
