"""A mirror on 127.0.0.1 that misbehaves as it is told to, and small data sets to serve from it."""

import gzip
import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regen.data.catalog import RemoteFile
from regen.data.download import Transfer


@dataclass
class Request:
    name: str
    start: int | None  # of the Range header
    sent: int = 0  # bytes of the body


@dataclass
class Mirror:
    """`files` by name; `behaviour[name]` has one word a request, the last of which stays.

    Words: a status such as 404 or 503; 'ignore range'; 'wrong'; 'shifted' (206 with another start);
    'no length'; 'cut N' and 'stall N' after N bytes of the body; anything else behaves.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    behaviour: dict[str, list[Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def asked(self, name: str) -> list[Request]:
        return [request for request in self.requests if request.name == name]

    def next_behaviour(self, name: str) -> Any:
        words = self.behaviour.get(name, ["fine"])
        return words.pop(0) if len(words) > 1 else words[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mirror: Mirror

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.close_connection = True
        name = self.path.rpartition("/")[2]
        asked = self.headers.get("Range")
        request = Request(name, int(asked[len("bytes=") : -1]) if asked else None)
        self.mirror.requests.append(request)
        word = self.mirror.next_behaviour(name)
        body = self.mirror.files.get(name)
        if body is None or isinstance(word, int):
            self.send_error(404 if body is None else word)
            return
        if word == "wrong":
            body = bytes(255 - byte for byte in body)
        start = 0 if request.start is None or word == "ignore range" else request.start
        if start >= len(body):
            self.send_error(416)
            return
        self._send(body[start:], start, len(body), request, word)

    def _send(self, rest: bytes, start: int, total: int, request: Request, word: str) -> None:
        self.send_response(206 if start else 200)
        if start:
            first = start + (word == "shifted")
            self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
        if word != "no length":
            self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        kind, _, count = word.partition(" ")
        sendable = rest[: int(count)] if kind in ("cut", "stall") else rest
        self.wfile.write(sendable)
        self.wfile.flush()
        request.sent = len(sendable)
        if kind == "stall":
            self.mirror.released.wait(30)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        pass  # a client that hangs up is what some tests are about


@pytest.fixture
def new_mirror() -> Iterator[Callable[[], Mirror]]:
    running = []

    def start() -> Mirror:
        server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {}))
        mirror = Mirror(f"http://127.0.0.1:{server.server_port}/data/")
        server.RequestHandlerClass.mirror = mirror  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((server, mirror, thread))
        return mirror

    yield start
    for server, mirror, thread in running:
        mirror.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def mirror(new_mirror: Callable[[], Mirror]) -> Mirror:
    return new_mirror()


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's cache, mirror or proxy."""
    monkeypatch.setenv("REGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("REGEN_DATA_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "downloads"


@pytest.fixture
def hasty() -> Transfer:
    return Transfer(timeout=0.3, attempts=3, backoff=0.01, progress=2**20)


@pytest.fixture
def content() -> bytes:
    return np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()


@pytest.fixture
def plain(content: bytes) -> RemoteFile:
    """A file that mirrors hold as it is, or else gzipped."""
    return RemoteFile(
        "set.bin", hashlib.sha256(content).hexdigest(), len(content), names=("set.bin", "set.bin.gz")
    )


@pytest.fixture
def gzipped(plain: RemoteFile) -> RemoteFile:
    """The same content, usually gzipped."""
    return RemoteFile(plain.name, plain.sha256, plain.size, names=("set.bin.gz", "set.bin"))


@pytest.fixture
def closed_url() -> str:
    """Return a mirror where nothing listens."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}/"


def idx(array: np.ndarray[Any, Any]) -> bytes:
    """Return an array of bytes as the content of an idx file."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


def amat(bits: np.ndarray[Any, Any]) -> bytes:
    """Return zeros and ones as the content of an amat file."""
    return "".join(" ".join(map(str, row)) + "\n" for row in bits.tolist()).encode()


@pytest.fixture(name="idx")
def idx_fixture() -> Callable[..., bytes]:
    return idx


@pytest.fixture(name="amat")
def amat_fixture() -> Callable[..., bytes]:
    return amat


def tgz(members: dict[str, bytes]) -> bytes:
    """Return files by name as the content of a .tar.gz, in that order."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.fixture(name="tgz")
def tgz_fixture() -> Callable[[dict[str, bytes]], bytes]:
    return tgz


@pytest.fixture
def gz() -> Callable[[bytes], bytes]:
    """Return a function that compresses as another mirror would: the time stamp differs at every call."""
    stamps = iter(range(1, 1000))
    return lambda data: gzip.compress(data, compresslevel=1, mtime=next(stamps))


@pytest.fixture
def stopwatch() -> Callable[[], float]:
    start = time.monotonic()
    return lambda: time.monotonic() - start
