"""Clones of the working tree with tiny settings, in which the real pipeline runs, through DVC."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, reduce
from operator import getitem
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.starter import Starter

REPO = Path(__file__).parents[2]
NOT_CLONED = ("dvc.lock", "reports/", "results/", "tests/", "benchmarks/")
STILL_CLONED = "results/README.md"  # the book reads that folder: here, without recorded runs

yaml = YAML()  # round trip: comments stay
yaml.width = 1000


LIBRARIES = [
    *("configobj", "dulwich.client", "dulwich.repo", "flatten_dict", "flufl.lock", "networkx", "psutil"),
    *("pydantic", "ruamel.yaml", "scmrepo.git", "tqdm", "typer", "yaml", "dvc.cachemgr", "dvc.cli.parser"),
    *("dvc.data_cloud", "dvc.lock", "dvc.repo.reproduce", "dvc.repo.status", "dvc.rwlock", "dvc.scm"),
    "dvc_render",
]
"""What commands of DVC, and those that need it, import, but for this project's modules."""


@cache
def with_dvc() -> Starter:
    """Return what starts such commands without loading their libraries each time."""
    return Starter(LIBRARIES)


def ended(done: subprocess.CompletedProcess[str], code: int | None) -> subprocess.CompletedProcess[str]:
    """Return a process whose exit code must be `code`, unless that is None."""
    assert code in (None, done.returncode), f"{done.args}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


@dataclass(frozen=True)
class Stage:
    """A stage as DVC resolves it: paths relative to the root."""

    cmd: str
    deps: list[str]
    outs: list[str]
    params: list[str]

    @property
    def settings(self) -> set[str]:
        """Settings that it lists, or sections of them, as paths: `dirac/seeds`."""
        return {param.replace(".", "/") for param in self.params}


@dataclass(frozen=True)
class Clone:
    """A repository of its own, and the environment that keeps commands from touching anything beside it."""

    root: Path
    env: dict[str, str]

    def run(self, *command: str | Path, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone; its exit code must be `code`, unless that is None."""
        words = [str(word) for word in command]
        done = subprocess.run(words, cwd=self.root, env=self.env, capture_output=True, text=True)
        return ended(done, code)

    def dvc(self, *args: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `dvc ARGS`."""
        return ended(with_dvc().run(["-m", "dvc", *args], self.root, self.env), code)

    def regen(self, *args: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `regen ARGS`."""
        return ended(with_dvc().run(["-m", "regen.pipeline.cli", *args], self.root, self.env), code)

    def ran(self, *args: str) -> set[str]:
        """Run `dvc ARGS` and return the stages that it ran."""
        return set(re.findall(r"^Running stage '(.*)':$", self.dvc(*args).stdout, re.MULTILINE))

    def python(self, *args: str | Path, code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `python ARGS`."""
        return self.run(sys.executable, *args, code=code)

    def git(self, *args: str) -> str:
        """Run `git ARGS` and return what it prints."""
        return self.run("git", *args).stdout

    def stages(self) -> dict[str, Stage]:
        """Return all stages by name, as DVC resolves dvc.yaml with params.yaml."""
        code = (
            "import json\nfrom dvc.repo import Repo\n"
            "print(json.dumps({stage.addressing: {\n"
            "    'cmd': stage.cmd,\n"
            "    'deps': [dep.def_path for dep in stage.deps if not hasattr(dep, 'params')],\n"
            "    'outs': [out.def_path for out in stage.outs],\n"
            "    'params': [key for dep in stage.deps for key in getattr(dep, 'params', [])],\n"
            "} for stage in Repo().index.stages}))"
        )
        found: dict[str, Any] = json.loads(self.python("-c", code).stdout)
        return {name: Stage(**parts) for name, parts in found.items()}

    def content(self, *names: str) -> dict[str, bytes]:
        """Return the files among `names`, and every file below the folders, with its bytes."""
        named = [self.root / name for name in names]
        files = (each for path in named for each in (path, *path.rglob("*")) if each.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}

    @contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        """Replace `old`, which stands once in a text file, by `new` for a while."""
        file = self.root / path
        before = file.read_text()
        assert before.count(old) == 1, f"{path}: {old!r} stands there {before.count(old)} times"
        file.write_text(before.replace(old, new))
        try:
            yield
        finally:
            file.write_text(before)

    @contextmanager
    def changed(self, key: str, value: Any) -> Iterator[None]:
        """Set the leaf `key` of params.yaml for a while."""
        file = self.root / "params.yaml"
        before = file.read_text()
        params = yaml.load(before)
        *sections, leaf = key.split(".")
        section = reduce(getitem, sections, params)
        assert section[leaf] != value
        section[leaf] = value
        yaml.dump(params, file)
        try:
            yield
        finally:
            file.write_text(before)


def shrink(params: Any) -> None:
    """Make a whole run as short as the schema allows.

    Of its three VAEs two differ in their posteriors, and one has convolutions and sees intensities.
    """
    params["device"] = "cpu"
    run = {**params["vae"]["l100"]}
    run |= {"encoder": [8], "latent": 2, "decoder": [8], "batch_size": 500, "epochs": 2}
    run |= {"shown_epochs": [0, 2], "planar_layers": 0, "seeds": [1, 2]}
    small = deepcopy(run) | {"planar_layers": 2}  # a copy, since YAML writes what stands twice as an alias
    del small["seeds"]
    grey = deepcopy(small) | {"binarize": False, "planar_layers": 0, "batch_norm": True}
    grey["encoder"] = [{"channels": 2, "kernel": 4, "stride": 4, "pool": 2}]
    grey["decoder"] = [8, {"channels": 2, "kernel": 7}, {"channels": 1, "kernel": 4, "stride": 4}]
    params["vae"] = {"l100": run, "small": small, "grey": grey}
    params["data"]["sets"] = ["digits"]
    params["data"]["corpora"] = ["dates"]  # written as DVC writes lists
    params["training"]["checkpoint_every"] = 1
    params["likelihood"]["importance_samples"] = 5
    params["dirac"] |= {"seeds": 2, "iterations": 60, "coefficients": [0.1]}
    flow = {"seeds": 2, "layers": [1, 2], "iterations": 60, "batch_size": 16, "averaged_losses": 20}
    params["flow"] |= flow | {"evaluation_samples": 100}
    couplings = {"couplings": 2, "hidden": [8], "epochs": 2, "shown_epochs": [0, 2], "batch_size": 500}
    params["realnvp"]["realnvp_mnist"] |= couplings
    params["theory"] |= {"kl_samples": 100, "problems": 2, "repeats": 2, "images": 4, "fresh_vaes": 1}
    params["theory"] |= {"rate_samples": [2, 4, 8], "dimensions": [1, 2, 3], "dimension_samples": 10}
    params["theory"] |= {"gradient_samples": 50, "gradient_dimensions": [1, 2]}
    depth = {"training_seeds": []}  # first: DVC moves the empty line after a list that ends a section
    depth |= json.loads(json.dumps(params["depth"]))
    depth |= {"depths": [1, 2], "width": 4, "heads": 2, "length": 3, "seeds": 2, "steps": 12}
    params["depth"] = depth
    gan = json.loads(json.dumps(params["gan"]["cifar10_w1_3"]))  # plain, without the layout of the file
    gan |= {
        "data": "digits",
        "networks": "mlp",
        "latent": 2,
        "generator": [4],
        "critic": [4],
        "batch_size": 8,
    }
    gan |= {"steps": 2, "shown": [0, 2], "evaluate_every": 1, "statistics_batches": 1}
    del gan["width"]
    params["gan"] = {"tiny_gan": gan}
    translator = {"seeds": []}  # first, as in `depth`
    translator |= json.loads(json.dumps(params["attention"]["seq_attention"]))
    translator |= {"embedding": 2, "hidden": 2, "batch_size": 1000, "epochs": 1, "seeds": [1, 2]}
    params["attention"] = {"tiny_seq": translator}
    params["translation"]["shown"] = 2
    params["classifier"] = {"digits": params["classifier"]["digits"] | {"widths": [2, 4], "epochs": 1}}
    params["score"] |= {"samples": 20, "splits": 2, "kid_subsets": 2, "kid_subset_size": 10}
    params["score"]["runs"] = {"tiny_gan": "digits", "small": "digits"}
    params["corruptions"] |= {"blur": [1], "noise": [16], "mixing": [0.5], "missing": [1, 9], "images": 20}
    params["figures"] = json.loads(json.dumps(params["figures"])) | {"dpi": 50}


def environment(root: Path) -> dict[str, str]:
    """Return an environment for git, DVC and the stages, all of whose state is below `root`."""
    foreign = ("GIT_", "DVC_", "REGEN_", "PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    person = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return (
        env
        | person
        | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "DVC_SITE_CACHE_DIR": str(root / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(root / "global"),
            "DVC_SYSTEM_CONFIG_DIR": str(root / "system"),
            "DVC_NO_ANALYTICS": "1",
            "CI": "1",  # DVC then asks nobody whether it is the newest
            "REGEN_CACHE": str(root / "cache"),
            "PYTHONPATH": "src",  # relative: the clone's own code, and in a copy of the clone the copy's
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
            "OMP_NUM_THREADS": "1",
            "REGEN_THREADS": "1",
        }
    )


def make_clone(base: Path, small: bool = True) -> Clone:
    """Return a clone below `base` of the working tree, changes included, in which nothing has run.

    A `small` one has the settings of `shrink`, another those of the working tree.
    """
    clone = Clone(base / "regen", environment(base))
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in listed.stdout.split("\0"):
        wanted = name == STILL_CLONED or not name.startswith(NOT_CLONED)
        if name and wanted and (REPO / name).is_file():
            (clone.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPO / name, clone.root / name)
    if small:
        params = yaml.load(clone.root / "params.yaml")
        shrink(params)
        yaml.dump(params, clone.root / "params.yaml")
    clone.git("init", "--quiet", "--initial-branch=main")
    clone.git("add", "--all")
    clone.git("commit", "--quiet", "--message=Start")
    return clone


def copy_of(other: Path, base: Path) -> Clone:
    """Return a copy below `base` of the clone below `other`, with all that it has run."""
    # but what DVC knows of the files there, by their inodes
    ignored = shutil.ignore_patterns("site", "tmp")
    shutil.copytree(other, base, symlinks=True, ignore=ignored, dirs_exist_ok=True)
    return Clone(base / "regen", environment(base))
