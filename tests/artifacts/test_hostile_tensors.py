"""Files made to break their reader: one line, exit code 2, no memory taken for what they claim."""

import json
import struct
import subprocess
import sys

import pytest
import torch

from regen.artifacts import (
    Dataset,
    Images,
    load_weights,
    read_corpus,
    read_dataset,
    read_snapshots,
    read_tensors,
    write_dataset,
    write_tensors,
)
from regen.errors import InputError


def entry(begin, end, shape=(4,), kind="U8"):
    return {"dtype": kind, "shape": list(shape), "data_offsets": [begin, end]}


def file_of(header, body=b"", declared=None):
    """Bytes of a safetensors file with that header, or one that declares another length of it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if declared is None else declared) + text + body


HOSTILE = {
    "header of 2^60 bytes": file_of({}, declared=2**60),
    "header of 2^64 - 1 bytes": file_of({}, declared=2**64 - 1),
    "header of 2^33 bytes": file_of({}, declared=2**33),
    "header longer than the file": file_of({}, declared=99_000_000),
    "overlapping tensors": file_of({"a": entry(0, 4), "b": entry(2, 6)}, b"123456"),
    "gap between tensors": file_of({"a": entry(0, 4), "b": entry(6, 10)}, b"1234567890"),
    "no JSON": file_of(b"not JSON at all"),
    "no object": file_of([1, 2]),
    "deep nesting": file_of(b'{"a":' * 100_000),
    "no text": file_of(b"\xff\xfe\x00"),
    "lone surrogate": file_of(b'{"\\ud800": 1}'),
    "offsets beyond the file": file_of({"a": entry(0, 4)}, b"12"),
    "offsets of 2^62": file_of({"a": entry(0, 2**62)}, b"12"),
    "offsets backwards": file_of({"a": entry(4, 0)}, b"1234"),
    "bytes left over": file_of({"a": entry(0, 4)}, b"1234 and more"),
    "shape that overflows": file_of({"a": entry(0, 0, (2**61, 8), "F64")}),
    "negative shape": file_of({"a": entry(0, 1, (-1,))}, b"1"),
    "unknown type": file_of({"a": entry(0, 1, (1,), "F9")}, b"1"),
    "type that torch lacks": file_of({"a": entry(0, 3, (4,), "F6_E2M3")}, b"123"),
    "about that is no JSON": file_of({"__metadata__": {"about": "{"}}),
    "about that is a list": file_of({"__metadata__": {"about": "[1]"}}),
    "about with numbers": file_of({"__metadata__": {"about": '{"name": 3}'}}),
}


def load(path):
    load_weights(torch.nn.Linear(2, 3), path)


@pytest.mark.parametrize("read", [read_tensors, read_dataset, read_corpus, read_snapshots, load])
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_one_line_names_the_file(tmp_path, read, content):
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"x\.safetensors: not a readable safetensors file \(.+\); run "
    ) as caught:
        read(path)
    assert "\n" not in str(caught.value)


STAGE = """
import os, resource, sys
from pathlib import Path
import torch
from regen import artifacts, stage

KINDS = {
    "tensors": artifacts.read_tensors,
    "dataset": artifacts.read_dataset,
    "corpus": artifacts.read_corpus,
    "weights": lambda path: artifacts.load_weights(torch.nn.Linear(2, 3), path),
}

def read(kind: str, path: Path) -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**25, -1))
    KINDS[kind](path)

paths = sys.argv[1:]
for path in paths:
    for kind in KINDS:
        if not os.fork():  # a stage for each, without the seconds that a start takes
            sys.argv[1:] = kind, path
            stage.run(read)
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")
def test_a_stage_ends_with_exit_code_2_and_needs_no_memory_for_what_a_header_claims(tmp_path):
    paths = [tmp_path / name for name in ("header of 2^60 bytes", "header longer than the file")]
    for path in paths:
        path.write_bytes(HOSTILE[path.name])
    done = subprocess.run([sys.executable, "-c", STAGE, *paths], capture_output=True, text=True)
    assert done.stdout == 8 * "2\n"
    said = [f"{path}: not a readable safetensors file (" for path in paths for _ in range(4)]
    for line, begin in zip(done.stderr.splitlines(), said, strict=True):
        assert line.startswith(begin)


# ---- whole files of something else -----------------------------------------------------------------------

PIXELS = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
LABELS = torch.arange(3)


@pytest.mark.parametrize(
    "images",
    [
        Images(PIXELS.float(), LABELS),
        Images(PIXELS[0], LABELS),
        Images(PIXELS, LABELS[:2]),
        Images(PIXELS, LABELS.float()),
        Images(PIXELS, LABELS[:, None]),
    ],
)
def test_tensors_of_other_types_or_shapes_are_no_data_set(tmp_path, images):
    path = tmp_path / "x.safetensors"
    write_dataset(path, Dataset("x", {"valid": images, "test": Images(PIXELS + 1, None)}, ""))
    with pytest.raises(InputError, match=r"^.*x\.safetensors: not a data set; make it anew: .*fetch_data@x$"):
        read_dataset(path)


@pytest.mark.parametrize("name", ["epoch-", "epoch-one", "epoch--1", "weight"])
def test_other_tensors_are_no_snapshots(tmp_path, name):
    write_tensors(tmp_path / "s.safetensors", {"epoch-0": PIXELS, name: PIXELS + 1})
    with pytest.raises(InputError, match=rf"s\.safetensors: no samples by epoch \('{name}'\)"):
        read_snapshots(tmp_path / "s.safetensors")
