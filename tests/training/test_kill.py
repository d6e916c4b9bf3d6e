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
    whole, killed = (Workplace(tmp_path / name, seeds=[1, 2]) for name in ("whole", "killed"))
    whole.finish()
    expected = whole.published()
    assert expected.keys() == set(outputs(1, 2))
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
    assert second < killed.epochs(seed=1) < EPOCHS

    killed.kill_when(lambda: killed.states(seed=2))
    first_seed, at_start = killed.states(seed=1), killed.states(seed=2)
    assert killed.epochs(seed=1) == EPOCHS
    assert 2 <= killed.epochs(seed=2) < EPOCHS

    killed.kill_when(lambda: killed.states(seed=2) != at_start)  # had it trained the first, it had saved it
    assert killed.states(seed=1) == first_seed
    assert not killed.published()

    first_output = killed.root / outputs(1, 2)[0]
    killed.kill_when(lambda: first_output.exists() and killed.states())  # while handing on
    assert killed.epochs(seed=2) == EPOCHS

    killed.finish()
    assert killed.published() == expected
    assert not list(killed.checkpoints.iterdir())
