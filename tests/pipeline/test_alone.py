"""Stages that have nothing but what dvc.yaml says that they need, on what passes for another processor."""

import shutil

import pytest

from pipeline.clones import Clone, ended
from pipeline.reading import covers
from pipeline.same import AVX2, differences, timeless
from pipeline.starter import Starter
from regen.pipeline.children import PRELOAD

pytestmark = pytest.mark.slow

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
        if covers(MADE, dep):
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)


def test_other_processors_and_more_threads_give_the_same_bytes_from_declared_inputs(
    reproduced, stages, tmp_path
):
    """One stage of each kind, and all VAEs, which differ in what they compute."""
    firsts = {name.partition("@")[0]: name for name in reversed(stages)}.values()
    chosen = {name: stages[name] for name in stages if name in firsts or name.startswith("train_vae@")}
    assert len(chosen) > 30
    env = reproduced.env | AVX2 | {"OMP_NUM_THREADS": "2"}
    starter = Starter(PRELOAD, env)
    here, there = {}, {}
    for name, stage in chosen.items():
        alone = Clone(tmp_path / name, env | {"REGEN_CACHE": str(tmp_path / name / "cache")})
        lay_out(stage, reproduced, alone.root)
        ended(starter.run(stage.cmd.split()[1:], alone.root, alone.env), 0)
        here |= timeless(reproduced.content(*stage.outs))
        there |= timeless(alone.content(*stage.outs))
    assert len(here) > 80
    assert differences(here, there) == {}
