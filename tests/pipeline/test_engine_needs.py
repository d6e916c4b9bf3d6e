"""What `meta` of dvc.yaml asks for, and what there is room for on one machine."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from regen.errors import InputError
from regen.pipeline.children import Children
from regen.pipeline.machine import MEMORY_PER_STAGE
from regen.pipeline.needs import needs_of, seed_tasks
from regen.pipeline.task import Needs, Task

GIB = 1 << 30


def stage(meta=None, values=None):
    path = SimpleNamespace(def_path="params.yaml", read_params=lambda: values or {})
    return SimpleNamespace(
        addressing="train@run", cmd="train run", meta=meta, deps=[path], params=[path], outs=[]
    )


def task(name, **needs):
    return Task(name, name, (), (), Path("log"), Needs(**needs))


@pytest.mark.parametrize(
    ("meta", "needs"),
    [
        (None, Needs(1, MEMORY_PER_STAGE, 0)),
        ({"cpus": 4, "memory": "6 GiB", "gpu": 1}, Needs(4, 6 * GIB, 1)),
        ({"memory": "1.5GiB"}, Needs(1, 3 * GIB // 2, 0)),
        ({"memory": "512 MiB"}, Needs(1, GIB // 2, 0)),
    ],
)
def test_meta_says_what_a_stage_needs(meta, needs):
    assert needs_of(stage(meta), on_cuda=True) == needs
    assert needs_of(stage(meta), on_cuda=False) == Needs(needs.cpus, needs.memory, 0)


@pytest.mark.parametrize(
    ("meta", "line"),
    [
        ({"memroy": "1 GiB"}, "memroy: unknown key; did you mean 'memory'? allowed: cpus, gpu, memory"),
        ({"memory": "2 GB"}, "memory: '2 GB': not a number and MiB, GiB or TiB, as in 2 GiB"),
        ({"memory": "0 GiB"}, "memory: '0 GiB': not a number and MiB, GiB or TiB, as in 2 GiB"),
        ({"cpus": 0}, "cpus: 0: not a whole number from 1"),
        ({"gpu": True}, "gpu: True: not a whole number from 0"),
    ],
)
def test_a_mistake_in_meta_is_a_line(meta, line):
    with pytest.raises(InputError) as caught:
        needs_of(stage(meta), on_cuda=True)
    assert str(caught.value) == f"dvc.yaml: stages: train@run: meta: {line}"


def test_each_of_several_seeds_is_a_task_without_outputs():
    tasks = seed_tasks(stage(values={"seed": 1, "vae.run": {"seeds": [1, 5]}}), on_cuda=False)
    assert [each.command for each in tasks] == ["train run --seed 1", "train run --seed 5"]
    assert len({each.log for each in tasks}) == 2
    assert all(each.outs == () for each in tasks)


@pytest.mark.parametrize("section", [{"seeds": [1]}, {"seeds": 16}, {"epochs": 2}, [1, 2], 3])
def test_other_stages_have_no_tasks_of_seeds(section):
    assert seed_tasks(stage(values={"key": section}), on_cuda=False) == []


@pytest.mark.parametrize(
    ("first", "second", "room"),
    [
        ({}, {}, True),
        ({"cpus": 3}, {}, True),
        ({"cpus": 3}, {"cpus": 2}, False),
        ({"memory": 3 * GIB}, {"memory": GIB}, True),
        ({"memory": 3 * GIB}, {"memory": 2 * GIB}, False),
        ({"gpus": 1}, {}, True),
        ({"gpus": 1}, {"gpus": 1}, False),
    ],
)
def test_tasks_share_cores_memory_and_gpus(first, second, room):
    place = Children(jobs=4, threads=1, memory=4 * GIB, gpus=["0"])
    running = SimpleNamespace(task=task("first", **first))
    assert place.has_room(task("second", **second), [running]) is room


def test_alone_any_task_has_room():
    place = Children(jobs=1, threads=1, memory=GIB)
    assert place.has_room(task("large", cpus=9, memory=9 * GIB, gpus=9), [])
