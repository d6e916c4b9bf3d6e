"""The connection to a Ray cluster, and what its nodes have room for."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray reads both when it is imported
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
import ray
import ray.exceptions

from regen.errors import InputError, RunError
from regen.pipeline.task import Needs

GIB = 1 << 30
WRONG_TOKEN = "its token is not that of RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token"


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Connect to the cluster whose head is at `address`, HOST:PORT; `local` starts one on this machine.

    Raises:
        InputError: `address` is none.
        RunError: no cluster is there, or it has another token.
    """
    options: dict[str, Any] = {}
    if address == "local":
        options["include_dashboard"] = False
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray's own would stay in a file
    else:
        require_listener(address)
    with silenced() as said:
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
        except (ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
            refused = "Unauthenticated" in said() or isinstance(error, ray.exceptions.AuthenticationError)
            reason = WRONG_TOKEN if refused else line_of(error)
            raise RunError(f"--address {address}: no Ray cluster that can be used: {reason}") from None
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def silenced() -> Iterator[Callable[[], str]]:
    """Keep off stderr what Ray's compiled part writes there; the function given reads it."""
    with tempfile.TemporaryFile() as file:
        stderr = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield lambda: os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace")
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def require_listener(address: str) -> None:
    """Raise an error at once where nothing listens: Ray itself tries for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--address {address}: not allowed; allowed: HOST:PORT of a Ray head, or 'local'")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise RunError(f"--address {address}: no Ray head there: {error}") from None


def line_of(error: BaseException) -> str:
    """Message of an error, on one line that ends with its first sentence."""
    text = " ".join(str(error).split()).split(". ")[0]
    return text if isinstance(error, (RunError, OSError)) else f"{type(error).__name__}: {text}"


def live_nodes() -> list[Mapping[str, float]]:
    """Resources of each node of the cluster, in Ray's terms."""
    return [each["Resources"] for each in ray.nodes() if each["Alive"]]


def resources(needs: Needs) -> dict[str, float]:
    """Needs in Ray's terms."""
    return {"CPU": needs.cpus, "memory": needs.memory, "GPU": needs.gpus}


def can_hold(node: Mapping[str, float], needs: Needs) -> bool:
    """Whether a node that is idle could run a task of such needs."""
    return all(node.get(name, 0.0) >= amount for name, amount in resources(needs).items())


def in_words(amounts: Mapping[str, float]) -> str:
    """Amounts that a task needs, or a node has."""
    cpus, memory, gpus = (amounts.get(name, 0.0) for name in ("CPU", "memory", "GPU"))
    return f"{cpus:g} CPUs, {memory / GIB:.1f} GiB of memory, {gpus:g} GPUs"
