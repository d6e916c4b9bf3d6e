"""What a node of the cluster does with a job, without a cluster."""

import os
import subprocess
import sys

import psutil
import pytest

from regen.pipeline import node
from regen.pipeline.node import Job, Store, digest_of, environment, states
from regen.pipeline.parcels import Contents, tracked_files
from waiting import FOREVER, wait_for


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Working directory: a git repository that tracks one script and one folder."""
    folder = tmp_path / "repository"
    (folder / "read").mkdir(parents=True)
    (folder / "read/old.txt").write_text("old")
    (folder / "script.sh").write_text("cat read/*.txt > made.txt && mkdir -p all && cp read/*.txt all")
    (folder / "script.sh").chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(node, "EVERY", 0.1)
    subprocess.run("git init --quiet && git add --all", shell=True, check=True)
    return folder


@pytest.fixture
def contents():
    return Contents(lambda data: data)


def a_job(contents, command, **other):
    """Return a job of the working directory as it is."""
    parts = {"deps": {}, "outs": (), "checkpoints": {}, "env": {}, "threads": 1, "gpus": 0} | other
    tree = contents.add(tracked_files([]))
    return Job(command=command, tree=tree, contents=contents.refs, **parts)


def events_of(job, cache):
    """Run a job, and return its events by kind."""
    found = {}
    for kind, *what in node.run(job, cache, lambda digest: job.contents[digest]):
        found.setdefault(kind, []).append(what)
    return found


def test_a_command_sees_its_dependencies_as_they_are_and_no_old_output(repository, contents, tmp_path):
    (repository / "read/old.txt").unlink()
    (repository / "read/new.txt").write_text("new")
    deps = {"read": {"new.txt": contents.add(b"new")}, "script.sh": {".": contents.add(b"./script2.sh")}}
    job = a_job(contents, "cat script.sh; ls -l script.sh; cat read/*", deps=deps, outs=("made.txt",))
    events = events_of(job, tmp_path / "cache")
    log = b"".join(text for (text,) in events["log"]).decode()
    assert log.startswith("./script2.sh-rwx")
    assert log.endswith("new")
    assert events["ended"] == [[0, {}]]


def test_outputs_come_with_their_hashes(repository, contents, tmp_path):
    outs = ("made.txt", "all")
    ((code, found),) = events_of(a_job(contents, "./script.sh", outs=outs), tmp_path / "cache")["ended"]
    old = (digest_of(b"old"), b"old")
    assert (code, found) == (0, {"made.txt": {".": old}, "all": {"old.txt": old}})
    assert not (repository / "made.txt").exists()


@pytest.mark.usefixtures("repository")
def test_nothing_is_sent_twice_to_a_node(contents, tmp_path):
    deps = {"read": {"old.txt": contents.add(b"old")}}
    job = a_job(contents, "./script.sh", deps=deps, outs=("made.txt",))
    events_of(job, tmp_path / "cache")
    contents.refs.clear()
    assert events_of(job, tmp_path / "cache")["ended"][0][0] == 0


def test_a_damaged_content_is_sent_again(tmp_path):
    sent = []
    store = Store(tmp_path, lambda digest: sent.append(digest) or b"content")
    digest = store.add(b"content")
    assert (store.read(digest), sent) == (b"content", [])
    (tmp_path / digest).write_bytes(b"con")
    assert (store.read(digest), sent) == (b"content", [digest])
    assert (store.read(digest), sent) == (b"content", [digest])
    assert [file.name for file in tmp_path.iterdir()] == [digest]


@pytest.mark.usefixtures("repository")
def test_checkpoints_go_to_the_command_and_come_from_it(contents, tmp_path):
    command = "cat $REGEN_CACHE/checkpoints/run/state.pt; echo -n new > $REGEN_CACHE/checkpoints/run/state.pt"
    job = a_job(contents, command, checkpoints={"run/state.pt": contents.add(b"earlier")})
    events = events_of(job, tmp_path / "cache")
    assert events["log"] == [[b"earlier"]]
    assert events["checkpoints"][-1] == [{"run/state.pt": b"new"}]


def test_what_is_being_written_is_no_checkpoint(tmp_path):
    (tmp_path / "run").mkdir()
    for name in ("state.pt", ".state.pt.x.part"):
        (tmp_path / "run" / name).touch()
    assert list(states(tmp_path)) == ["run/state.pt"]


def test_checkpoints_may_vanish_while_they_are_looked_for(tmp_path):
    folder = tmp_path / "run"
    command = (
        f"until [ -e {tmp_path}/enough ]; do mkdir {folder}; echo > {folder}/state.pt; rm -r {folder}; done"
    )
    trainings = subprocess.Popen(command, shell=True)
    try:
        for _ in range(3000):
            assert set(states(tmp_path)) <= {"run/state.pt"}
    finally:
        (tmp_path / "enough").touch()
        assert trainings.wait() == 0


@pytest.mark.usefixtures("repository")
def test_downloads_are_the_nodes(contents, tmp_path):
    events_of(a_job(contents, "echo archive > $REGEN_CACHE/downloads/file"), tmp_path / "cache")
    assert (tmp_path / "cache/downloads/file").read_text() == "archive\n"


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize(
    ("command", "code"), [("echo some; echo reason >&2; exit 3", 3), ("echo reason; kill -9 $$", 137)]
)
def test_a_command_that_fails_sends_its_log_and_no_output(contents, tmp_path, command, code):
    job = a_job(contents, f"touch made.txt; {command}", outs=("made.txt",))
    events = events_of(job, tmp_path / "cache")
    assert events["ended"] == [[code, {}]]
    assert b"".join(text for (text,) in events["log"]).endswith(b"reason\n")


@pytest.mark.usefixtures("repository")
def test_threads_devices_and_secrets(contents, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    monkeypatch.setenv("MKL_NUM_THREADS", "8")
    env = environment(a_job(contents, "", threads=2), tmp_path, tmp_path)
    assert (env["OMP_NUM_THREADS"], env["MKL_NUM_THREADS"], env["CUDA_VISIBLE_DEVICES"]) == ("2", "2", "")
    assert "RAY_AUTH_TOKEN" not in env
    assert environment(a_job(contents, "", gpus=1), tmp_path, tmp_path)["CUDA_VISIBLE_DEVICES"] == "3"


@pytest.mark.slow
@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("how", ["asked", "killed", "killed after its children"])
def test_a_command_ends_with_its_worker(how):
    code = (
        "import signal, sys, pathlib; from regen.pipeline.node import Job, started\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it\n"
        f"job = Job('sleep {FOREVER} & sleep {FOREVER}', 1, 0, '', {{}}, (), {{}}, {{}}, {{}})\n"
        "here = pathlib.Path()\n"
        "with started(job, here, {'PATH': sys.argv[1]}, here / 'log') as process:\n"
        "    print(process.pid, flush=True)\n"
        "    process.wait()\n"
    )
    worker = psutil.Popen([sys.executable, "-c", code, os.environ["PATH"]], stdout=-1, text=True)
    group = int(worker.stdout.readline())
    members = [psutil.Process(group), *psutil.Process(group).children(recursive=True)]
    if how == "killed after its children":  # as Ray does
        worker.suspend()
        for child in worker.children():
            child.kill()
    worker.send_signal(2) if how == "asked" else worker.kill()
    worker.communicate()
    wait_for(lambda: not any(one.is_running() and one.status() != "zombie" for one in members))
