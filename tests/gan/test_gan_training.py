"""The loop: what is taken when, stops and resumptions, what is not finite."""

import math
from functools import partial

import pandas as pd
import pytest
import torch
from regen.gan.schedule import Passes, Schedule

from gan.small import KINDS, learner_of, pixels_of, run_of, vector_of
from regen.errors import RunError
from regen.gan.training import Scoring, Trained, evaluations, history, summary, train
from regen.training.checkpoint import Checkpoint

IMAGES = 27
EPOCHS = {"steps": None, "epochs": 3, "shown": [0, 2, 3], "evaluate_every": 2}
TERMS = ("metric", "critic_loss", "penalty", "generator_loss")


def mean_pixel(images):
    return {"mean": images.float().mean().item(), "word": "fine"}


def scores_of(learner, tmp_path, images=IMAGES, valid=None, score=mean_pixel, seed=1):
    """Train `learner` to the end; return what is left and the schedule."""
    schedule = Schedule.of("small", learner.run, images, seed, 1)
    checkpoint = Checkpoint(tmp_path)
    return train(
        learner, learner.step, pixels_of(images), valid, schedule, checkpoint, Scoring(score, 20)
    ), schedule


def assert_same(trained, expected):
    """All but the seconds that it took."""
    assert torch.equal(trained.trace, expected.trace)
    assert trained.validation == expected.validation
    frames = [evaluations(each) for each in (trained, expected)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    assert list(trained.snapshots) == list(expected.snapshots)
    assert all(map(torch.equal, trained.snapshots.values(), expected.snapshots.values()))


def test_a_run_by_steps(tmp_path):
    learner = learner_of(run_of())
    trained, schedule = scores_of(learner, tmp_path, valid=pixels_of(10))
    table = history(learner, trained, schedule)
    assert list(table.columns) == ["step", "epoch", *(f"train_{term}" for term in TERMS)]
    assert table["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["epoch"].tolist() == pytest.approx([step / 3 for step in range(1, 7)])  # 27 // 8 steps
    assert table.notna().all(axis=None)
    assert table["train_critic_loss"].tolist() == pytest.approx((-table["train_metric"]).tolist(), rel=1e-9)
    scores = evaluations(trained)
    assert list(scores.columns) == ["step", "metric", "mean", "word"]
    assert scores["step"].tolist() == [2, 4, 6]
    pairs = table["train_metric"].to_numpy().reshape(3, 2).mean(1)
    assert scores["metric"].tolist() == pytest.approx(pairs.tolist(), rel=1e-9)
    assert trained.seconds > 0
    assert list(trained.snapshots) == [0, 4, 6]
    assert not torch.equal(trained.snapshots[4], trained.snapshots[6])


def test_a_run_by_epochs(tmp_path):
    learner = learner_of(run_of("mlp", **EPOCHS))
    trained, schedule = scores_of(learner, tmp_path, valid=pixels_of(10))
    assert (schedule.steps, schedule.steps_per_epoch) == (18, 6)  # 27 // 4 steps
    table = history(learner, trained, schedule)
    valid = ["valid_metric", "valid_critic_loss", "valid_generator_loss"]
    assert list(table.columns) == ["step", "epoch", *(f"train_{term}" for term in TERMS), *valid]
    assert table["step"].tolist() == [6, 12, 18]
    assert table["epoch"].tolist() == [1, 2, 3]
    assert table.notna().all(axis=None)
    means = trained.trace.unflatten(0, (3, 6)).double().mean(1)
    assert table["train_generator_loss"].tolist() == pytest.approx(means[:, 3].tolist(), rel=1e-9)
    last = learner.losses(pixels_of(10))
    assert table.iloc[-1]["valid_generator_loss"] == last["generator_loss"]
    assert evaluations(trained)["step"].tolist() == [12, 18]
    assert list(trained.snapshots) == [0, 12, 18]
    without, _ = scores_of(learner_of(run_of("mlp", **EPOCHS)), tmp_path / "other")
    assert without.validation == {}
    assert torch.equal(without.trace, trained.trace)


@pytest.mark.parametrize("evaluate_every", [0, 4])
def test_scores_are_of_samples_of_the_generator_as_it_is_then(tmp_path, evaluate_every):
    given, learner = [], learner_of(run_of(evaluate_every=evaluate_every))

    def score(images):
        assert not torch.is_grad_enabled() or not images.requires_grad
        given.append((images.clone(), learner.snapshot(learner.evaluated())))
        torch.rand(3)  # whatever it draws
        return {"step": 7}

    trained, _ = scores_of(learner, tmp_path, score=score)
    plain, _ = scores_of(learner_of(run_of(evaluate_every=evaluate_every)), tmp_path / "plain")
    assert torch.equal(plain.trace, trained.trace)
    if evaluate_every == 0:
        assert given == []
        assert list(evaluations(trained).columns) == ["step", "metric"]
    else:
        assert [images.shape for images, _ in given] == [(20, 3, 8, 8), (20, 3, 8, 8)]
        assert torch.equal(given[0][1], trained.snapshots[4])
        assert torch.equal(given[1][1], trained.snapshots[6])


def test_without_a_scorer_nothing_is_scored(tmp_path):
    learner = learner_of(run_of())
    schedule = Schedule.of("small", learner.run, IMAGES, 1, 1)
    trained = train(learner, learner.step, pixels_of(IMAGES), None, schedule, Checkpoint(tmp_path))
    assert trained.evaluations == []
    assert list(trained.snapshots) == [0, 4, 6]


def test_looking_changes_nothing(tmp_path):
    ends = []
    for i, changes in enumerate(({}, {"shown": [0]}, {"evaluate_every": 1}, {"statistics_batches": 1})):
        learner = learner_of(run_of(**changes))
        trained, _ = scores_of(learner, tmp_path / str(i))
        ends.append(torch.cat([vector_of(learner.generator, learner.critic), trained.trace.flatten()]))
    assert all(torch.equal(end, ends[0]) for end in ends[1:])


class Troubled:
    """Makes a learner's steps raise or give what is not finite, from the `at`-th on."""

    def __init__(self, learner, trouble, at, term=0):
        self.step_of, self.steps = learner.step, 0
        self.trouble, self.at, self.term = trouble, at, term
        learner.step = self.step

    def step(self, batch):
        self.steps += 1
        terms = self.step_of(batch)
        if self.steps >= self.at:
            if isinstance(self.trouble, BaseException):
                raise self.trouble
            terms[self.term] = self.trouble
        return terms


RESUMED = {
    "residual": run_of(),
    "spectral": run_of(spectral_norm=True),
    "r1": run_of(penalty="r1", penalty_coefficient=0.1, loss="w1"),
    "gp": run_of(penalty="gp", penalty_coefficient=0.1),
    "mlp": run_of("mlp"),
    "dcgan": run_of("dcgan"),
    "epochs": run_of("mlp", **EPOCHS),
}


@pytest.mark.parametrize("run", RESUMED.values(), ids=RESUMED)
def test_stopped_at_any_step_and_resumed_equals_uninterrupted(tmp_path, run):
    whole = learner_of(run)
    go_on = partial(scores_of, valid=pixels_of(10))
    expected, schedule = go_on(whole, tmp_path / "whole")
    for at in (schedule.steps // 3, schedule.steps // 2 + 2, schedule.steps):
        place = tmp_path / str(at)
        stopped = learner_of(run)
        Troubled(stopped, KeyboardInterrupt(), at)
        with pytest.raises(KeyboardInterrupt):
            go_on(stopped, place)
        every = schedule.checkpoint_every
        state = Checkpoint(place).load()
        done = 0 if state is None else state["trained"]["step"]
        assert done == (at - 1) // every * every
        torch.rand(at)  # another process is elsewhere in its random stream, and starts from other weights
        resumed = learner_of(run, seed=99 if done else 0)
        steps = Troubled(resumed, None, math.inf)
        trained, _ = go_on(resumed, place)
        assert steps.steps == schedule.steps - done
        assert_same(trained, expected)
        players = (resumed.generator, resumed.critic, resumed.evaluated())
        assert torch.equal(vector_of(*players), vector_of(whole.generator, whole.critic, whole.evaluated()))


def test_stopped_while_scoring(tmp_path):
    whole = learner_of(run_of())
    expected, _ = scores_of(whole, tmp_path / "whole")
    calls = []

    def stop(images):
        calls.append(images)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return mean_pixel(images)

    with pytest.raises(KeyboardInterrupt):
        scores_of(learner_of(run_of()), tmp_path / "stopped", score=stop)
    resumed = learner_of(run_of(), seed=99)
    trained, _ = scores_of(resumed, tmp_path / "stopped")
    assert_same(trained, expected)
    assert torch.equal(vector_of(resumed.evaluated()), vector_of(whole.evaluated()))


def test_a_finished_run_is_not_trained_further(tmp_path):
    first, again = learner_of(run_of()), learner_of(run_of(), seed=99)
    expected, _ = scores_of(first, tmp_path)
    steps = Troubled(again, None, math.inf)
    trained, _ = scores_of(again, tmp_path)
    assert steps.steps == 0
    assert_same(trained, expected)
    assert trained.seconds == expected.seconds
    assert torch.equal(vector_of(again.generator, again.critic), vector_of(first.generator, first.critic))


def test_the_seed_decides_and_nothing_else(tmp_path):
    traces = []
    for i, (seed, drawn_before) in enumerate([(1, 0), (1, 100), (2, 0)]):
        learner = learner_of(run_of())
        torch.rand(drawn_before)
        traces.append(scores_of(learner, tmp_path / str(i), seed=seed)[0].trace)
    assert torch.equal(traces[0], traces[1])
    assert not torch.isclose(traces[0], traces[2]).all(1).any()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("at", "term"), [(3, 0), (4, 2), (3, 3)])
def test_a_loss_that_is_not_finite(tmp_path, value, at, term):
    whole = learner_of(run_of())
    expected, _ = scores_of(whole, tmp_path / "whole")
    learner = learner_of(run_of())
    Troubled(learner, value, at, term)
    message = (
        rf"^small: {TERMS[term]} is not finite at step {at} \(epoch {-(-at // 3)}\) with "
        r"generator_learning_rate 0\.002, critic_learning_rate 0\.004; .*earlier step is kept"
    )
    with pytest.raises(RunError, match=message) as caught:
        scores_of(learner, tmp_path / "troubled")
    assert "\n" not in str(caught.value)
    assert Checkpoint(tmp_path / "troubled").load()["trained"]["step"] == 2
    trained, _ = scores_of(learner_of(run_of(), seed=99), tmp_path / "troubled")
    assert_same(trained, expected)


def test_a_parameter_that_is_not_finite_while_the_losses_are(tmp_path):
    learner = learner_of(run_of())
    take = learner.step

    def step(batch):
        terms = take(batch)
        next(learner.generator.parameters()).data.fill_(math.inf)
        return terms

    learner.step = step
    with pytest.raises(RunError, match=r"^small: (a parameter|\w+) is not finite at step 2 "):
        scores_of(learner, tmp_path)
    assert Checkpoint(tmp_path).load() is None


def test_a_learning_rate_that_is_too_large_is_named(tmp_path):
    length = {"steps": 50, "evaluate_every": 50}
    learner = learner_of(run_of(loss="w1", ema=0.0, critic_learning_rate=1e200, **length))
    with pytest.raises(RunError, match=r"not finite .* critic_learning_rate 1e\+200"):
        scores_of(learner, tmp_path)


def test_passes_give_every_row_at_most_once_in_a_new_order():
    torch.manual_seed(0)
    passes = Passes(torch.arange(11), 3)
    batches = [passes.next() for _ in range(3 * 6)]
    orders = [torch.cat(batches[i : i + 3]) for i in range(0, 18, 3)]
    assert all(len(batch) == 3 for batch in batches)
    assert all(len(order.unique()) == 9 for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 6
    assert len(torch.cat(orders).unique()) == 11
    assert sorted(Passes(torch.arange(6), 6).next().tolist()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("steps", "row", "rows"),
    [(1, 1, 1), (499, 1, 499), (999, 1, 999), (1001, 2, 501), (100_000, 200, 500)],
)
def test_a_history_has_some_five_hundred_rows(steps, row, rows):
    run = run_of(steps=steps, shown=[0], evaluate_every=0)
    schedule, learner = Schedule.of("long", run, 100, 1, 1), learner_of(run)
    trace = torch.arange(4.0 * steps).unflatten(0, (-1, 4))
    table = history(learner, Trained(trace, steps), schedule)
    assert schedule.row == row
    assert len(table) == rows
    assert table["step"].iloc[-1] == steps
    assert table["train_metric"].iloc[0] == pytest.approx(4 * (row - 1) / 2)
    assert table["train_metric"].iloc[-1] == pytest.approx(
        trace[row * (rows - 1) :, 0].mean().item(), rel=1e-9
    )


def test_when_what_is_due():
    by_steps = Schedule.of("a", run_of(steps=10, shown=[0, 7], evaluate_every=4), 100, 1, 1)
    assert by_steps.stops(0) == [0, 4, 7, 8, 10]
    assert by_steps.stops(4) == [4, 7, 8, 10]
    assert by_steps.stops(10) == [10]
    assert [step for step in range(11) if by_steps.is_evaluated(step)] == [4, 8, 10]
    assert [step for step in range(11) if by_steps.is_saved(step)] == [4, 8, 10]
    unscored = Schedule.of("b", run_of(steps=40, shown=[0], evaluate_every=0), 100, 1, 1)
    assert [step for step in range(41) if unscored.is_saved(step)] == [*range(4, 41, 4)]
    assert not any(unscored.is_evaluated(step) for step in range(41))
    by_epochs = Schedule.of("c", run_of(steps=None, epochs=5, shown=[0, 5], evaluate_every=5), 17, 1, 2)
    assert (by_epochs.steps, by_epochs.steps_per_epoch) == (10, 2)
    assert by_epochs.stops(0) == [0, 2, 4, 6, 8, 10]
    assert [step for step in range(11) if by_epochs.is_saved(step)] == [4, 8, 10]
    assert by_epochs.shown == (0, 10)


def test_metrics_of_a_finished_run(tmp_path):
    learner = learner_of(run_of())
    trained, schedule = scores_of(learner, tmp_path)
    found = summary(learner, trained, schedule)
    assert found["steps"] == 6
    assert found["epochs"] == 2
    assert not [name for name in found if "second" in name]  # no two machines agree on them
    assert found["parameters"] == found["generator_parameters"] + found["critic_parameters"]
    assert found["critic_parameters"] == sum(p.numel() for p in learner.critic.parameters())
    assert found["train_metric"] == pytest.approx(trained.trace[-1, 0].item(), rel=1e-9)
    assert all(isinstance(value, float | int) for value in found.values())


@pytest.mark.parametrize("kind", KINDS)
def test_training_pays(tmp_path, kind):
    """Images of one grey: after a while the generator's are nearer to it than they were."""
    rates = {"generator_learning_rate": 1e-2, "critic_learning_rate": 1e-2, "betas": [0.5, 0.9]}
    length = {"steps": 120, "evaluate_every": 120, "shown": [0, 120], "batch_size": 16}
    learner = learner_of(run_of(kind, loss="nonsaturating", ema=0.5, **rates, **length))
    data = torch.full((64, 3, 8, 8), 220, dtype=torch.uint8)
    schedule = Schedule.of("grey", learner.run, len(data), 1, 1)
    shown = train(learner, learner.step, data, None, schedule, Checkpoint(tmp_path)).snapshots
    before, after = ((shown[step].float() - 220).abs().mean() for step in (0, 120))
    assert after < 0.7 * before
