"""What happens on a node of the cluster: one command, in a scratch copy of the repository.

Everything that the command reads comes by its SHA-256, and stays in the node's cache folder, so that nothing
is sent to a node twice. The driver sends this module's code along: a node needs the packages of
requirements.lock, but no particular state of its clone.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVERY = 2.0  # seconds between two looks at the log and at the checkpoints
PATIENCE = 10.0  # seconds that a command has to end itself

States = dict[str, tuple[int, int]]
Event = tuple[Any, ...]
"""`("began", node)`, `("log", bytes)`, `("checkpoints", {path: bytes})`, `("ended", exit code, outputs)`.

Outputs are `{out: {path: (SHA-256, bytes)}}`, with paths relative to the output, "." where it is a file.
"""


@dataclass(frozen=True)
class Job:
    """A task as a node gets it. Contents are named by their SHA-256."""

    command: str
    threads: int
    gpus: int
    tree: str
    """A tar of the files that git tracks."""
    deps: Mapping[str, Mapping[str, str]]
    """Contents of files and folders that it reads: `{dep: {path: SHA-256}}`, with paths as in `Event`."""
    outs: tuple[str, ...]
    checkpoints: Mapping[str, str]
    """Contents of earlier attempts' checkpoints, by their paths below the folder of checkpoints."""
    contents: Mapping[str, Any]
    """ray.ObjectRef of each SHA-256."""
    env: Mapping[str, str]
    """Variables that the driver passes on."""


def execute(job: Job) -> Iterator[Event]:
    """Run a job as a task of Ray; tell what happens, the end last."""
    import ray

    from regen.artifacts.paths import cache_dir

    # by which Ray cancels; a node that a script has started in its background ignores the signal
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield from run(job, cache_dir(), lambda digest: ray.get(job.contents[digest]))


def run(job: Job, cache: Path, fetch: Callable[[str], bytes]) -> Iterator[Event]:
    """Run a job; what its node's `cache` lacks is fetched by its SHA-256."""
    store = Store(cache / "cluster" / "contents", fetch)
    with tempfile.TemporaryDirectory(prefix="regen-", ignore_cleanup_errors=True) as scratch:
        root, own_cache, log = Path(scratch, "tree"), Path(scratch, "cache"), Path(scratch, "log")
        lay_out(job, store, root)
        lay_out_cache(job, store, own_cache, cache)
        yield "began", os.uname().nodename
        seen = states(own_cache / "checkpoints")  # before the command has changed any
        with started(job, root, environment(job, root, own_cache), log) as process:
            code = yield from followed(process, log, own_cache / "checkpoints", seen)
        yield "ended", code, {} if code else collected(root, job.outs, store)


# ---- contents --------------------------------------------------------------------------------------------


def digest_of(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Store:
    """Contents that this node has, a file for each SHA-256. Several tasks may use it at once."""

    folder: Path
    fetch: Callable[[str], bytes]

    def read(self, digest: str) -> bytes:
        """Content of that SHA-256, from the driver where this node lacks it or has a damaged copy."""
        path = self.folder / digest
        data = path.read_bytes() if path.exists() else b""
        if digest_of(data) != digest:
            data = self.fetch(digest)
            self.add(data)
        return data

    def add(self, data: bytes) -> str:
        """Keep a content, whole or not at all; its SHA-256."""
        digest = digest_of(data)
        write(self.folder / digest, data, beside=True)
        return digest


def write(path: Path, data: bytes, beside: bool = False) -> None:
    """Write a file, making its folders: in place, which keeps its mode, or `beside` it and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not beside:
        path.write_bytes(data)
        return
    handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(part, path)  # noqa: PTH105
    except BaseException:
        os.unlink(part)  # noqa: PTH108
        raise


def files_of(path: Path) -> dict[str, Path]:
    """Files of a file or folder, by their paths relative to it; none where it is not there."""
    if path.is_file():
        return {".": path}
    below = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]  # some may vanish
    files = (file for file in sorted(below) if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(path).as_posix(): file for file in files}


# ---- the scratch copy ------------------------------------------------------------------------------------


def lay_out(job: Job, store: Store, root: Path) -> None:
    """Unpack the tree, bring the job's dependencies to their state of now, and remove its outputs."""
    extract(store.read(job.tree), root)
    for dep, files in job.deps.items():
        for path, file in files_of(root / dep).items():
            if path not in files:
                file.unlink()
        for path, digest in files.items():
            write(root / dep / path, store.read(digest))
    for out in job.outs:
        remove(root / out)


def extract(archive: bytes, folder: Path) -> None:
    """Extract a tar archive of files, and of nothing that would lie outside of `folder`."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)  # newer than Python 3.11.3
        tar.extractall(folder)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def lay_out_cache(job: Job, store: Store, own: Path, cache: Path) -> None:
    """Make a cache folder whose checkpoints are the job's alone, and whose downloads are the node's."""
    (cache / "downloads").mkdir(parents=True, exist_ok=True)
    (own / "checkpoints").mkdir(parents=True)
    (own / "downloads").symlink_to(cache / "downloads")
    for path, digest in job.checkpoints.items():
        write(own / "checkpoints" / path, store.read(digest))


def environment(job: Job, root: Path, cache: Path) -> dict[str, str]:
    """Environment of the command: that of the node, without Ray's secrets and with the job's threads."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    threads = {"OMP_NUM_THREADS": str(job.threads), "MKL_NUM_THREADS": str(job.threads)}
    threads["MKL_DYNAMIC"] = "FALSE"  # the three are what torch.set_num_threads sets
    own = {"PYTHONPATH": str(root / "src"), "REGEN_CACHE": str(cache), "REGEN_BAR": "1"}
    own["PYTHONUNBUFFERED"] = "1"  # so that the error comes last in the log
    own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', os.defpath)}"
    hidden = {} if job.gpus else {"CUDA_VISIBLE_DEVICES": ""}  # Ray names those of a job that has some
    return env | dict(job.env) | threads | own | hidden


def collected(root: Path, outs: tuple[str, ...], store: Store) -> dict[str, dict[str, tuple[str, bytes]]]:
    """Read outputs that are there; the store keeps them for tasks of this node that need them."""
    found: dict[str, dict[str, tuple[str, bytes]]] = {}
    for out in outs:
        if (root / out).exists():
            contents = {path: file.read_bytes() for path, file in files_of(root / out).items()}
            found[out] = {path: (store.add(data), data) for path, data in contents.items()}
    return found


# ---- the command -----------------------------------------------------------------------------------------


@contextmanager
def started(job: Job, root: Path, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start the command in a process group of its own, which ends with the block or with this process."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            job.command, shell=True, cwd=root, env=env, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    with guarded(process.pid):
        try:
            yield process
        finally:
            end(process)


@contextmanager
def guarded(group: int) -> Iterator[None]:
    """Have a process group killed as soon as this process is gone in the block, killed or not.

    What waits for that is a grandchild: a worker of Ray that ends kills its children, before they can act.
    """
    guard = subprocess.Popen(
        ["/bin/sh", "-c", f"exec 3<&0; (read line <&3; kill -9 -{group}) &"],
        stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    guard.wait()
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(guard.pid, signal.SIGKILL)
        guard.communicate()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process group: asked first, forced after PATIENCE seconds."""
    with suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def followed(
    process: subprocess.Popen[bytes], log: Path, folder: Path, seen: States
) -> Generator[Event, None, int]:
    """Tell what comes to the log, and checkpoints that were not `seen`, until the end; the exit code."""
    told = 0
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(EVERY)
        code = process.returncode
        with log.open("rb") as file:
            file.seek(told)
            if text := file.read():
                told += len(text)
                yield "log", text
        if new := {path: state for path, state in states(folder).items() if seen.get(path) != state}:
            seen = seen | new
            yield "checkpoints", read_files(folder, new)
        if code is not None:
            return code if code >= 0 else 128 - code


def states(folder: Path) -> States:
    """Time and size of each file of checkpoints; those that are being written are left out."""
    found = {}
    for path, file in files_of(folder).items():
        with suppress(FileNotFoundError):  # removed meanwhile
            if file.suffix != ".part":
                found[path] = (file.stat().st_mtime_ns, file.stat().st_size)
    return found


def read_files(folder: Path, paths: Mapping[str, Any]) -> dict[str, bytes]:
    """Contents of those files that are still there."""
    found = {}
    for path in paths:
        with suppress(FileNotFoundError):
            found[path] = (folder / path).read_bytes()
    return found
