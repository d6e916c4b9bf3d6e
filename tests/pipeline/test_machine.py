"""How many stages run at a time, with how many threads."""

import os

import pytest

from regen.errors import InputError
from regen.pipeline import machine

GIB = 1 << 30


@pytest.fixture
def files(monkeypatch, tmp_path):
    """Folder of a container's limits, without any yet."""
    monkeypatch.setattr(machine, "MEMORY_LIMITS", (str(tmp_path / "memory.max"), str(tmp_path / "absent")))
    quota = tmp_path / "quota", tmp_path / "period"
    quotas = (str(tmp_path / "cpu.max"),), tuple(map(str, quota))
    monkeypatch.setattr(machine, "CPU_QUOTAS", quotas)
    return tmp_path


@pytest.mark.parametrize(
    ("cores", "memory", "jobs"),
    [(1, 64 * GIB, 1), (8, 64 * GIB, 8), (8, 5 * GIB, 2), (8, GIB, 1)],
)
def test_one_stage_a_core_while_memory_lasts(monkeypatch, cores, memory, jobs):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.setattr(machine, "memory", lambda: memory)
    assert machine.default_jobs("cpu") == machine.default_jobs("cuda") == jobs
    assert machine.default_jobs("mps") == 1  # nothing shares out its memory


@pytest.mark.parametrize(("cores", "jobs", "threads"), [(8, 8, 1), (8, 3, 2), (2, 4, 1), (4, 1, 4)])
def test_stages_share_the_cores(monkeypatch, cores, jobs, threads):
    monkeypatch.delenv("REGEN_THREADS", raising=False)
    monkeypatch.setattr(machine, "cores", lambda: cores)
    assert machine.threads_of(jobs) == threads
    monkeypatch.setenv("REGEN_THREADS", "5")
    assert machine.threads_of(jobs) == 5


@pytest.mark.parametrize("threads", ["two", "1.5", "0", "-1"])
def test_a_wrong_number_of_threads_is_named(monkeypatch, threads):
    monkeypatch.setenv("REGEN_THREADS", threads)
    with pytest.raises(InputError, match=f"^REGEN_THREADS: '{threads}': not allowed; allowed: "):
        machine.threads_of(1)


def test_a_containers_memory_limit_counts(files):
    whole = machine.memory()
    (files / "memory.max").write_text(f"{GIB}\n")
    assert machine.memory() == GIB < whole
    (files / "memory.max").write_text("max\n")
    assert machine.memory() == whole


@pytest.mark.parametrize(
    ("version_2", "version_1", "cores"),
    [
        ("max 100000\n", None, 8),
        ("150000 100000\n", None, 2),
        ("50000 100000\n", None, 1),
        ("1600000 100000\n", None, 8),
        (None, ("-1\n", "100000\n"), 8),
        (None, ("300000\n", "100000\n"), 3),
    ],
)
def test_affinity_and_a_containers_quota_count(files, monkeypatch, version_2, version_1, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    if version_2:
        (files / "cpu.max").write_text(version_2)
    for name, text in zip(("quota", "period"), version_1 or (), strict=False):
        (files / name).write_text(text)
    assert machine.cores() == cores


def test_only_auto_has_to_be_found_out(monkeypatch):
    for there, kind in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr("torch.cuda.is_available", lambda there=there: there)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
        assert machine.kind_of("auto", "float32") == kind
    monkeypatch.setattr("regen.training.device.select_device", lambda *_: pytest.fail("looked for"))
    assert machine.kind_of("cuda", "float64") == "cuda"


def test_a_run_on_cuda_sees_the_devices_it_may_use(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5a")
    assert machine.gpus() == ["3", "GPU-5a"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert machine.gpus() == ["0", "1"]
