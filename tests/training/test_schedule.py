"""When what is due, and batches in which each row comes once a pass."""

import pytest
import torch

from regen.training.schedule import Passes, Schedule


@pytest.mark.parametrize(("drop_last", "sizes"), [(True, [3, 3, 3]), (False, [3, 3, 3, 2])])
def test_passes_give_every_row_at_most_once_in_a_new_order(drop_last, sizes):
    torch.manual_seed(0)
    passes = Passes(torch.arange(11), 3, drop_last)
    assert list(passes.sizes) == sizes
    orders = []
    for _ in range(6):
        batches = [passes.next() for _ in sizes]
        assert [len(batch) for batch in batches] == sizes
        orders.append(torch.cat(batches).tolist())
    assert all(len(set(order)) == sum(sizes) for order in orders)
    assert len(set(map(tuple, orders))) == 6
    assert len({row for order in orders for row in order}) == 11
    assert sorted(Passes(torch.arange(6), 6).next().tolist()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("taken", range(9))
def test_passes_go_on_where_they_were(taken):
    torch.manual_seed(0)
    whole, again = Passes(torch.arange(11), 3), Passes(torch.arange(11), 3)
    for _ in range(taken):
        whole.next()
    again.load_state_dict(whole.state_dict())
    state = torch.get_rng_state()
    rest = [whole.next() for _ in range(9)]
    torch.set_rng_state(state)
    assert all(map(torch.equal, rest, [again.next() for _ in range(9)]))


@pytest.mark.parametrize(("steps", "row"), [(1, 1), (499, 1), (999, 1), (1001, 2), (100_000, 200)])
def test_a_run_by_steps_has_some_five_hundred_rows(steps, row):
    schedule = Schedule.by_steps("long", 1, steps, (4,) * 25)
    assert schedule.row == row
    assert min(steps, 500) <= -(-steps // row) < 1000


def test_when_what_is_due():
    by_steps = Schedule.by_steps("a", 1, 10, (4,) * 25, shown=[0, 7], score_every=4)
    assert by_steps.stops(0) == [0, 4, 7, 8, 10]
    assert by_steps.stops(4) == [4, 7, 8, 10]
    assert by_steps.stops(10) == [10]
    assert [step for step in range(11) if by_steps.is_scored(step)] == [4, 8, 10]
    assert [step for step in range(11) if by_steps.is_saved(step)] == [4, 8, 10]
    unscored = Schedule.by_steps("b", 1, 40, (4,) * 25, shown=[0])
    assert [step for step in range(41) if unscored.is_saved(step)] == [*range(4, 41, 4)]
    assert not any(unscored.is_scored(step) for step in range(41))
    by_epochs = Schedule.by_epochs("c", 1, 5, (8, 8), shown=[0, 5], score_every=5, save_every=2)
    assert (by_epochs.steps, by_epochs.epoch) == (10, 2)
    assert by_epochs.stops(0) == [0, 2, 4, 6, 8, 10]
    assert [step for step in range(11) if by_epochs.is_saved(step)] == [4, 8, 10]
    assert by_epochs.shown == (0, 10)


def test_counts():
    schedule = Schedule.by_epochs("c", 1, 5, (8, 8, 3), save_every=1)
    assert [schedule.images_until(step) for step in range(5)] == [0, 8, 16, 19, 27]
    assert [schedule.epoch_of(step) for step in range(1, 5)] == [1, 1, 1, 2]
    assert schedule.in_units(6) == 2
    assert Schedule.by_steps("a", 1, 10, (4, 4)).in_units(6) == 6
