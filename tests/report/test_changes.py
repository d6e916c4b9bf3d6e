import math

import pytest

from regen.report.changes import Changes, Spread, State, flat, metric_changes, param_changes, verdict_changes

BETTER = {"loss": "lower", "score": "higher"}


def one(old, new, deviation=0.5, name="run.loss"):
    """Return size and direction of a metric's change."""
    noise = {} if deviation is None else {name: Spread(old, deviation)}
    (found,) = metric_changes({name: old}, {name: new}, noise, BETTER)
    return found.size, found.worse


@pytest.mark.parametrize(
    ("old", "new", "name", "expected"),
    [
        (1.0, 2.0, "run.loss", (2.0, True)),
        (2.0, 1.0, "run.loss", (2.0, False)),
        (2.0, 1.0, "run.score", (2.0, True)),
        (1, 2, "deep.er.score", (2.0, False)),
        (1.0, 2.0, "run.share", (2.0, None)),
        ("falls", "rises", "run.loss", (None, None)),
        (1.0, "not finite", "run.loss", (math.inf, True)),
        (1.0, "not finite", "run.share", (math.inf, True)),
        ("not finite", 1.0, "run.loss", (math.inf, False)),
    ],
)
def test_size_and_direction_of_a_change(old, new, name, expected):
    assert one(old, new, name=name) == expected


def test_a_change_of_what_no_seed_changes_is_above_all_noise():
    assert one(1.0, 1.5, 0.0) == (math.inf, True)


def test_without_noise_there_is_no_size():
    assert one(1.0, 2.0, None) == one(1.0, 2.0, math.nan) == (None, True)


@pytest.mark.parametrize(("mean", "size"), [(3.4, 2.0), (-1.4, 2.0), (3.6, None), (-1.6, None)])
def test_seeds_far_from_which_a_metric_is_tell_nothing_of_it(mean, size):
    assert metric_changes({"a": 1.0}, {"a": 2.0}, {"a": Spread(mean, 0.5)}, {})[0].size == size


def test_the_largest_in_deviations_first_then_those_without():
    old = {"a": 0.0, "b": 0.0, "c": 0.0, "d": 0.0, "e": 5.0}
    new = {"a": 1.0, "b": 9.0, "c": 2.0, "d": "falls", "e": 5.0}
    noise = {"a": Spread(0.0, 0.25), "c": Spread(0.5, 0.125), "e": Spread(5.0, 1.0)}
    found = metric_changes(old, new, noise, {})
    assert [(each.name, each.size, each.change) for each in found] == [
        ("c", 16.0, 2.0),
        ("a", 4.0, 1.0),
        ("b", None, 9.0),
        ("d", None, None),
    ]


def test_leaves_by_dotted_name():
    tree = {"dirac": {"jsd-1": {"verdict": "cycles"}}, "seed": 1, "list": [1, 2], "empty": {}}
    assert flat(tree) == {"dirac.jsd-1.verdict": "cycles", "seed": 1, "list": [1, 2], "empty": {}}


def test_params_that_changed_are_new_or_are_gone():
    old = {"vae": {"a": {"rate": 0.5, "same": 1, "gone": [1]}}}
    new = {"vae": {"a": {"rate": 0.25, "same": 1}, "b": {"rate": 1}}}
    assert param_changes(old, new) == [
        ("vae.a.rate", 0.5, 0.25),
        ("vae.b.rate", None, 1),
        ("vae.a.gone", [1], None),
    ]


@pytest.mark.parametrize(
    ("old", "new", "runs", "lost"),
    [
        ("agrees", "differs", {"r"}, True),
        ("agrees", "undecided", {"r"}, True),
        ("agrees", "other data", {"r"}, True),
        ("agrees (copy)", "differs (copy)", {"r"}, True),
        ("agrees", None, {"r"}, True),  # the claim itself is gone
        ("agrees", "not run", {"r"}, True),
        ("agrees", "not run", set(), False),  # its run was taken out of params.yaml
        ("agrees", "differs", set(), True),
        ("differs", "agrees", {"r"}, False),
        ("differs", "not run", {"r"}, False),
        (None, "differs", {"r"}, False),
    ],
)
def test_a_verdict_is_lost_where_ours_agreed(old, new, runs, lost):
    before, after = ({"c": {"verdict": word, "runs": ["r"]}} if word else {} for word in (old, new))
    (found,) = verdict_changes(before, after, runs)
    assert (found.old, found.new, found.lost) == (old or "", new or "", lost)


def test_lost_verdicts_come_first_and_equal_ones_not_at_all():
    words = {"a": "agrees", "b": "differs", "c": "agrees"}
    old, new = (
        {name: {"verdict": word, "runs": []} for name, word in each.items()} for each in (words, words)
    )
    new["b"]["verdict"], new["c"]["verdict"] = "agrees", "undecided"
    new["c"]["why"] = "It is noisy."
    found = verdict_changes(old, new, set())
    assert [(one.claim, one.lost, one.why) for one in found] == [
        ("c", True, "It is noisy."),
        ("b", False, ""),
    ]


def test_what_is_equal_is_counted_and_what_is_on_one_side_is_apart():
    old = State({}, {"r": {"a": 1.0, "b": 2.0, "gone": 3.0}}, {}, {"x.png": "1", "y.png": "2", "z.png": "3"})
    new = State(
        {}, {"r": {"a": 1.0, "b": 2.5}, "s": {"a": 1}}, {}, {"x.png": "1", "y.png": "9", "w.png": "3"}
    )
    found = Changes.between(old, new, set(), {}, {})
    assert (found.names.new, found.names.removed, found.names.equal) == (["s.a"], ["r.gone"], 1)
    assert [metric.name for metric in found.metrics] == ["r.b"]
    assert (found.figures.changed, found.figures.new, found.figures.removed) == (
        ["y.png"],
        ["w.png"],
        ["z.png"],
    )


def test_a_base_without_results_has_nothing_to_compare():
    found = Changes.between(State({}, None, None), State({}, {"r": {"a": 1.0}}, {"c": {}}), set(), {}, {})
    assert (found.metrics, found.verdicts) == (None, None)
