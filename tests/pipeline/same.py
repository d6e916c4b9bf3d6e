"""Whether the pipeline leaves the same bytes whatever the processor: `make same`.

It runs in clones of the working tree, at its smallest or, with `--full`, with the settings as they are; each
time in an environment that makes this processor pass for another, or gives it other numbers of threads. What
git would keep of each run is compared with that of the first.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from pipeline.clones import Clone, make_clone

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
AVX2 = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
CONDITIONS = {
    "as is": {},
    "AVX2": AVX2,
    "AVX2, 2 threads": AVX2 | {"REGEN_THREADS": "2"},
    "SSE4.1, torch's default": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "2 threads": {"REGEN_THREADS": "2"},
    "4 threads": {"REGEN_THREADS": "4"},
}
"""What each run has in its environment beside one thread; NumPy warns of features that it lacks anyway."""
UNLIKE = "models/timings", "reports/timings.", "reports/index.html", "models/fidelity/"
"""What tells of times, and features of images, whose last bits depend on the threads on some processors."""


def reproduce(clone: Clone, condition: dict[str, str]) -> dict[str, bytes]:
    """Run the pipeline in `clone`, in that environment; return what git would keep of its reports."""
    there = replace(clone, env=clone.env | condition)
    there.regen("run")
    return reports(there)


def reports(there: Clone) -> dict[str, bytes]:
    """Return what git would keep of the reports, by name."""
    listed = there.git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "reports")
    return {name: (there.root / name).read_bytes() for name in sorted(filter(None, listed.split("\0")))}


def difference(one: bytes, other: bytes) -> str:
    """Return in words how two files differ: the largest relative difference if only numbers do.

    An empty text where they are equal.
    """
    if one == other:
        return ""
    try:
        texts = one.decode(), other.decode()
    except UnicodeDecodeError:
        return f"other bytes ({len(one)} and {len(other)})"
    if NUMBER.sub("", texts[0]) != NUMBER.sub("", texts[1]):
        return "other words"
    pairs = zip(*(map(float, NUMBER.findall(text)) for text in texts), strict=True)
    return f"{max(abs(a - b) / max(abs(a), abs(b), 1e-300) for a, b in pairs):.1e}"


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> dict[str, str]:
    """Return how the files of two runs differ, by name; nothing of those that are equal."""
    found = {name: difference(one[name], other[name]) for name in one.keys() & other.keys()}
    found |= dict.fromkeys(one.keys() ^ other.keys(), "in one of the two only")
    return {name: words for name, words in sorted(found.items()) if words}


def timeless(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of a run, by name, that should be the same anywhere."""
    return {name: content for name, content in files.items() if not name.startswith(UNLIKE)}


def timeless_lock(there: Clone) -> list[str]:
    """Return dvc.lock by its entries, without those of files that are UNLIKE."""
    entries = (there.root / "dvc.lock").read_text().split("- path: ")
    return [entry for entry in entries if not entry.startswith(UNLIKE)]


def main(full: bool) -> int:
    """Print a line for each condition, and one for each file that differs; return 1 if one does."""
    worst, first = 0, None
    print(f"{'condition':26} {'files':>6} {'differ':>6}", flush=True)
    for name, condition in CONDITIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            files = reproduce(make_clone(Path(folder), small=not full), condition)
        first = first or files
        found = differences(first, files)
        print(f"{name:26} {len(files):6} {len(found):6}", flush=True)
        for file, words in found.items():
            print(f"    {file}: {words}")
        worst |= bool(found)
    return worst


if __name__ == "__main__":
    sys.exit(main(full="--full" in sys.argv[1:]))
