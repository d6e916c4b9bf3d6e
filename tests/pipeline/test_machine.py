"""How many stages run at a time, with how many threads."""

import pytest

from regen.pipeline import machine

GIB = 1 << 30


@pytest.mark.parametrize(
    ("cores", "memory", "jobs"),
    [(1, 64 * GIB, 1), (8, 64 * GIB, 8), (8, 5 * GIB, 2), (8, GIB, 1)],
)
def test_one_stage_a_core_while_memory_lasts(monkeypatch, cores, memory, jobs):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.setattr(machine, "memory", lambda: memory)
    assert machine.default_jobs("cpu") == jobs
    assert machine.default_jobs("auto") == machine.default_jobs("cuda") == 1


@pytest.mark.parametrize(("cores", "jobs", "threads"), [(8, 8, 1), (8, 3, 2), (2, 4, 1), (4, 1, 4)])
def test_stages_share_the_cores(monkeypatch, cores, jobs, threads):
    monkeypatch.delenv("REGEN_THREADS", raising=False)
    monkeypatch.setattr(machine, "cores", lambda: cores)
    assert machine.threads_of(jobs) == threads
    monkeypatch.setenv("REGEN_THREADS", "5")
    assert machine.threads_of(jobs) == 5


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "CGROUP_LIMITS", (str(limit), str(tmp_path / "absent")))
    whole = machine.memory()
    limit.write_text(f"{GIB}\n")
    assert machine.memory() == GIB < whole
    limit.write_text("max\n")
    assert machine.memory() == whole
