"""A pipeline of next to nothing, to run, to disturb and to kill."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from pipeline.clones import REPO, Clone, environment
from waiting import FOREVER, PATIENCE, wait_for

DVC_YAML = """
stages:
  first:
    cmd: python stages/copy.py source.txt first.txt
    deps: [source.txt, stages/copy.py]
    outs: [first.txt]
  left:
    cmd: python stages/copy.py first.txt left.txt
    deps: [first.txt, stages/copy.py]
    outs: [left.txt]
  right:
    cmd: python stages/copy.py first.txt right.txt
    deps: [first.txt, stages/copy.py]
    outs: [right.txt]
  last:
    foreach: [left, right]
    do:
      cmd: cat ${item}.txt > last-${item}.txt
      deps: ['${item}.txt']
      outs:
        - last-${item}.txt:
            cache: false
"""
COPY = (
    f"FOREVER = {FOREVER}"
    + """
import os, signal, sys, time
from pathlib import Path
source, target = map(Path, sys.argv[1:])
trouble = Path(f"{target}.trouble")
what = trouble.read_text() if trouble.exists() else ""
if what == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if what in ("sleep", "deaf"):
    Path(f"{target}.asleep").write_text(str(os.getpid()))
    until = time.monotonic() + FOREVER
    while trouble.exists() and time.monotonic() < until:
        time.sleep(0.05)
if what == "half":
    target.write_text("hal")
    print("first line")
    sys.exit(f"{target}: went wrong")
if what != "nothing":
    target.write_text(source.read_text() + target.name)
with open(os.environ.get("REGEN_PUBLISHED", os.devnull), "a") as published:  # as a training does
    published.write(f"toy-{target.name}\\n")
print("done")
"""
)


BEGIN = "from regen.pipeline import children, cli; children.PRELOAD[:] = {}; cli.main()"
JOURNAL = ".dvc/tmp/regen/finished.jsonl"


class Toy(Clone):
    """A pipeline of five stages that take no time: `first`, then `left` and `right`, then one after each."""

    def begin(self, *args, preload=()):
        """Run `regen ARGS`, in a process group of its own; return without waiting.

        The server that forks tasks loads what it is told to beforehand: the toy's need nothing.
        """
        command = [sys.executable, "-c", BEGIN.format(list(preload)), *args]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self.root, env=self.env, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        )

    def begin_and_stop_at(self, target, *others, how="sleep"):
        """Start the engine with a stage that does not end; return when `others` are recorded."""
        self.trouble(target, how)
        engine = self.begin("run", "--jobs", "2")
        self.wait_until_asleep(target)
        wait_for(lambda: all(name in self.recorded() for name in others))
        return engine

    @staticmethod
    def end(engine, code):
        """Return what the engine printed when it has ended."""
        out, errors = engine.communicate(timeout=PATIENCE)
        assert engine.returncode == code, errors
        assert "Traceback" not in errors
        return out, errors

    def checkpoint(self, target):
        """Return the folder of the checkpoint that `target` is published from; make it."""
        folder = Path(self.env["REGEN_CACHE"], "checkpoints", f"toy-{target}")
        folder.mkdir(parents=True)
        return folder

    def trouble(self, target, what):
        (self.root / f"{target}.trouble").write_text(what)

    def cure(self):
        for file in self.root.glob("*.trouble"):
            file.unlink()

    def wait_until_asleep(self, target):
        """Return the sleeping process."""
        file = self.root / f"{target}.asleep"
        wait_for(lambda: file.exists() and file.read_text())
        return psutil.Process(int(file.read_text()))

    def dvc_begins(self, *args):
        """Run `dvc ARGS`; return without waiting."""
        command = [sys.executable, "-m", "dvc", *args]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.root, env=self.env, stdout=pipe, stderr=pipe, text=True)

    def recorded(self):
        """Return all that dvc.lock and the journal say of finished stages."""
        files = self.root / "dvc.lock", self.root / JOURNAL
        return "".join(file.read_text() for file in files if file.exists())

    def text(self, name):
        return (self.root / name).read_text()


def processes(fit):
    """Return the processes but this one that `fit`."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # some have ended meanwhile
            found += [process] if process.pid != os.getpid() and fit(process) else []
    return found


def in_folder(folder):
    """Return the processes whose working directory is `folder`."""
    return processes(lambda process: process.cwd() == str(folder))


def after(count):
    """Return the toy's dvc.yaml with so many stages more, which come before all others."""
    names = [f"early-{number}.txt" for number in range(count)]
    stages = "".join(
        f"  early-{number}:\n    cmd: python stages/copy.py source.txt {name}\n    outs: [{name}]\n"
        for number, name in enumerate(names)
    )
    pipeline = DVC_YAML.replace("stages:\n", f"stages:\n{stages}", 1)
    return pipeline.replace("deps: [source.txt,", f"deps: [{', '.join([*names, 'source.txt'])},", 1)


@cache
def empty_repository():
    """Return the folder of a repository of git and DVC without anything, to copy: DVC starts slowly."""
    folder = TemporaryDirectory()
    root = Path(folder.name, "regen")
    root.mkdir()
    empty = Clone(root, environment(root.parent))
    empty.git("init", "--quiet", "--initial-branch=main")
    empty.dvc("init", "--quiet")
    return folder


def make_toy(base, pipeline=DVC_YAML, scripts=None):
    """Return a toy below `base` in which nothing has run; `scripts` are further ones, by name."""
    root = base / "regen"
    shutil.copytree(Path(empty_repository().name, "regen"), root)
    (root / "stages").mkdir()
    toy = Toy(root, environment(base) | {"PYTHONPATH": str(REPO / "src")})
    (root / "params.yaml").write_text((REPO / "params.yaml").read_text())
    (root / "dvc.yaml").write_text(pipeline)
    for name, script in {"copy.py": COPY, **(scripts or {})}.items():
        (root / "stages" / name).write_text(script)
    (root / "source.txt").write_text("source ")
    toy.git("add", "--all")
    toy.git("commit", "--quiet", "--message=Start")
    return toy


def is_finished(toy):
    """Whether all is right, as plain DVC sees it."""
    assert toy.text("last-left.txt") == "source first.txtleft.txt"
    assert toy.text("last-right.txt") == "source first.txtright.txt"
    assert toy.dvc("status").stdout == "Data and pipelines are up to date.\n"
    assert toy.regen("status").stdout == "up to date\n"
    return True
