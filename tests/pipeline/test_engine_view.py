"""What a run says of itself while it lasts: from logs, and from what stages took before."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from regen.pipeline import view
from regen.pipeline.outcome import Outcome
from regen.pipeline.progress import last_line, progress

BAR = "l100, seed 2:  {0}%|####      | {0}/100 [00:01<00:02]"


@pytest.mark.parametrize(
    ("log", "line", "done"),
    [
        ("", "", None),
        ("one\ntwo\n\n", "two", None),
        (f"one\n\r{BAR.format(7)}\r{BAR.format(42)}", BAR.format(42), 0.42),
        (f"{BAR.format(42)}\nloss is not finite\n", "loss is not finite", 0.42),
        (f"{BAR.format(100)}\n\r{BAR.format(0)}", BAR.format(0), 0.0),
        ("50% of images, 3 | 4\n", "50% of images, 3 | 4", None),
        ("x" * 10_000 + f"\n{BAR.format(3)}", BAR.format(3), 0.03),
    ],
)
def test_the_end_of_a_log_tells_how_far_it_is(tmp_path, log, line, done):
    (tmp_path / "log").write_bytes(log.encode())
    assert last_line(tmp_path / "log") == line
    assert progress(tmp_path / "log") == done


def test_no_log_tells_nothing(tmp_path):
    assert last_line(tmp_path / "log") == ""
    assert progress(tmp_path / "log") is None


class Stage(SimpleNamespace):
    """A stage by name."""

    def __hash__(self):
        return hash(self.addressing)


def engine(done=(), began=(), log=Path("absent"), **needs):
    """Return an engine over stages, each with the names of those that it needs; `began` has their seconds."""
    stages = {name: Stage(addressing=name) for name in needs}
    graph = SimpleNamespace(stages_needed=lambda stage: {stages[name] for name in needs[stage.addressing]})
    begun = {stages[name]: SimpleNamespace(seconds=seconds) for name, seconds in dict(began).items()}
    tasks = {SimpleTask(name, log): (stages[name], begun[stages[name]]) for name in dict(began)}
    return SimpleNamespace(
        stages=list(stages.values()), graph=graph, done={stages[name] for name in done}, lost=set(),
        begun=begun, running=tasks,
    )  # fmt: skip


class SimpleTask(SimpleNamespace):
    """A task with a name and a log."""

    def __init__(self, name, log):
        super().__init__(name=name, log=log)

    def __hash__(self):
        return hash(self.name)


def test_the_rest_is_at_least_the_longest_chain():
    ahead = engine(a=[], b=["a"], c=["b"], d=[])
    assert view.rest(ahead, {"a": 5, "b": 6, "c": 7, "d": 1}) == 19  # one at a time: all of it
    two = engine(began={"a": 2, "d": 0}, a=[], b=["a"], c=["b"], d=[])
    assert view.rest(two, {"a": 5, "b": 6, "c": 7, "d": 1}) == 3 + 6 + 7


def test_the_rest_is_shared_among_those_that_run():
    two = engine(began={"a": 2, "b": 1}, a=[], b=[], c=[], d=[])
    assert view.rest(two, {"a": 10, "b": 10, "c": 10, "d": 10}) == (8 + 9 + 10 + 10) / 2


def test_what_is_done_takes_no_time_and_what_never_ran_an_average_one():
    assert view.rest(engine(done=["a"], a=[], b=["a"], c=["b"]), {"a": 50, "b": 4}) == 8
    assert view.rest(engine(a=[], b=["a"]), {}) is None


def test_bars_tell_the_rest_of_a_stage_that_never_ran(tmp_path):
    (tmp_path / "log").write_text(BAR.format(25))
    assert view.rest(engine(began={"a": 30}, log=tmp_path / "log", a=[]), {}) == pytest.approx(90)


def test_a_bar_shows_what_is_done_and_what_runs(tmp_path):
    (tmp_path / "log").write_text(BAR.format(25))
    shown = []
    bar = SimpleNamespace(n=0, set_postfix_str=shown.append)
    running = engine(done=["b"], began={"a": 30}, log=tmp_path / "log", a=[], b=[])
    view.show(bar, {}, running)
    assert bar.n == 1
    assert shown == ["about 2 min left, a 25%"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (89, "89 s"), (150, "2 min"), (5300, "88 min"), (7200, "2 h")]
)
def test_a_duration_has_the_unit_that_suits_it(seconds, text):
    assert view.duration(seconds) == text


def test_what_stages_took_is_kept_for_the_next_run(monkeypatch, tmp_path):
    file = tmp_path / "folder/seconds.json"
    monkeypatch.setattr(view, "SECONDS", file)
    assert view.read_seconds() == {}
    view.write_seconds(Outcome(ran={"a": 1.5, "b": 2.0}))
    view.write_seconds(Outcome(ran={"b": 3.0}))
    assert view.read_seconds() == {"a": 1.5, "b": 3.0}
    for damaged in ('{"a": 1', "[1]", '{"a": null}'):
        file.write_text(damaged)
        assert view.read_seconds() == {}
