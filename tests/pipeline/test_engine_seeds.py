"""The seeds of a training, side by side: on a toy stage with checkpoints."""

import pytest

from pipeline.toy import make_toy
from waiting import PATIENCE

pytestmark = pytest.mark.slow

DVC_YAML = """
stages:
  train:
    foreach: [l100]
    do:
      cmd: python stages/train.py ${item}
      deps: [source.txt, stages/train.py]
      params: ["vae.${item}"]
      outs: [weights.txt]
"""
TRAIN = (
    f"PATIENCE = {PATIENCE}"
    + """
import sys, time
from pathlib import Path

alone = sys.argv[3:] if sys.argv[2:3] == ["--seed"] else []
for seed in alone or ["1", "2", "3"]:
    checkpoint = Path(f"checkpoint-{seed}")
    if checkpoint.exists():
        continue
    if Path(f"{seed}.trouble").exists():
        sys.exit(f"seed {seed}: loss is not finite")
    Path(f"begun-{seed}").touch()
    until = time.monotonic() + PATIENCE
    while alone and Path("meet").exists() and len(list(Path().glob("begun-*"))) < 2:
        if time.monotonic() > until:
            sys.exit("nobody came")
        time.sleep(0.05)
    checkpoint.write_text("alone " if alone else "together ")
if not alone:
    files = sorted(Path().glob("checkpoint-*"))
    Path("weights.txt").write_text("".join(file.read_text() for file in files))
    for file in files:
        file.unlink()
"""
)


@pytest.fixture
def toy(tmp_path):
    return make_toy(tmp_path, DVC_YAML, {"train.py": TRAIN})


def is_finished(toy):
    assert toy.regen("status").stdout == "up to date\n"
    assert "up to date" in toy.dvc("status").stdout
    return True


def test_seeds_run_side_by_side_and_the_stage_publishes(toy):
    (toy.root / "meet").touch()  # each of two seeds waits until the other has begun
    told = toy.regen("run", "--jobs", "2").stdout
    assert "stages: 1 ran" in told
    for seed in (1, 2, 3):
        assert f"train@l100 --seed {seed}: " in told
        assert (toy.root / f".dvc/tmp/regen/train@l100-seed-{seed}.log").exists()
    assert toy.text("weights.txt") == "alone alone alone "
    assert is_finished(toy)


def test_one_job_runs_the_plain_command(toy):
    assert "--seed" not in toy.regen("run", "--jobs", "1").stdout
    assert toy.text("weights.txt") == "together together together "
    assert is_finished(toy)


def test_a_seed_that_fails_fails_the_stage_once_and_keeps_the_others(toy):
    for seed in (2, 3):
        toy.trouble(seed, "yes")
    told = toy.regen("run", "--jobs", "3", code=1).stdout
    assert "stages: 1 failed;" in told
    failures = [line for line in told.split("\n") if line.startswith("FAILED")]
    assert len(failures) == 1
    assert "train@l100: exit code 1: seed " in failures[0]
    assert "loss is not finite (log: .dvc/tmp/regen/train@l100-seed-" in failures[0]
    assert not (toy.root / "weights.txt").exists()
    toy.cure()
    (toy.root / "checkpoint-1").write_text("kept ")
    toy.regen("run", "--jobs", "2")
    assert toy.text("weights.txt") == "kept alone alone "
    assert is_finished(toy)


def test_a_run_with_one_seed_is_one_task(toy):
    text = toy.text("params.yaml")
    (toy.root / "params.yaml").write_text(text.replace("seeds: [1, 2, 3]", "seeds: [1]"))
    assert "--seed" not in toy.regen("run", "--jobs", "2").stdout
