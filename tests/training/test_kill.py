"""Real runs of stages/train_vae.py, killed with SIGKILL and started again until they end."""

import os
import random
import time

import pytest

from training.workplace import EPOCHS, Workplace, outputs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "waitid"), reason="os.waitid is not on this system"),
]


def test_killed_at_any_moment_and_started_again_gives_the_same_bytes(tmp_path):
    whole, killed = Workplace(tmp_path / "whole"), Workplace(tmp_path / "killed")
    whole.finish()
    expected = whole.published()
    assert expected.keys() == set(outputs(3))
    assert not list(whole.checkpoints.iterdir())

    killed.kill_when(lambda: killed.states() and killed.parts())  # while the second checkpoint is written
    assert killed.parts(), "not killed while writing"
    first = killed.epochs()
    assert 2 <= first <= 6

    at_start = killed.states()
    killed.kill_when(lambda: killed.states() != at_start)  # as soon as there is another
    second = killed.epochs()
    assert first < second <= first + 4, "started over, or went on from elsewhere"

    at_start, delay, seen = killed.states(), random.Random(1).uniform(0.1, 0.5), []

    def some_time_later():
        if not seen and killed.states() != at_start:
            seen.append(time.monotonic())
        return seen and time.monotonic() > seen[0] + delay

    killed.kill_when(some_time_later)
    third = killed.epochs()
    assert second < third < EPOCHS
    assert not killed.published()

    first_output = killed.root / outputs(3)[0]
    killed.kill_when(lambda: first_output.exists() and killed.states())  # while handing on
    assert killed.epochs() == EPOCHS

    killed.finish()
    assert killed.published() == expected
    assert not list(killed.checkpoints.iterdir())


def test_killed_at_the_second_seed_it_does_not_train_the_first_again(tmp_path):
    whole, killed = (Workplace(tmp_path / name, seeds=[1, 2], epochs=60) for name in ("whole", "killed"))
    whole.finish()

    killed.kill_when(lambda: killed.states(seed=2))
    first, second = killed.states(seed=1), killed.states(seed=2)
    assert killed.epochs(seed=1) == 60
    assert 2 <= killed.epochs(seed=2) < 60
    assert not killed.published()

    killed.kill_when(lambda: killed.states(seed=2) != second)  # had it trained the first, it had saved it
    assert killed.states(seed=1) == first
    assert not killed.published()

    killed.finish()
    assert killed.published() == whole.published()
    assert not list(killed.checkpoints.iterdir())
