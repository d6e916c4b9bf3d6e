"""The command `regen`: run what is stale, several stages at a time, or say what that is; show the results."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from dvc.stage import Stage
from tqdm import tqdm

from regen.errors import InputError, RunError
from regen.pipeline.children import Children
from regen.pipeline.engine import Engine, Settings, Stopped, noted_signals
from regen.pipeline.graph import Graph, is_stale, line_of, locked_graph
from regen.pipeline.machine import default_jobs, gpus, kind_of, memory, threads_of
from regen.pipeline.task import FOLDER, Place
from regen.pipeline.view import read_seconds, show, write_seconds
from regen.stage import run_app

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=__doc__)

BAR = "{n_fmt}/{total_fmt} stages, {elapsed}{postfix}"

Targets = Annotated[
    list[str] | None, typer.Argument(help="Stages: train_vae@l100, or train_vae for all of its runs.")
]


@app.command()
def run(
    targets: Targets = None,
    jobs: Annotated[
        int, typer.Option(min=0, help="Cores to fill with stages, while memory lasts; 0: all.")
    ] = 0,
    set_param: Annotated[
        list[str] | None,
        typer.Option(
            "-S", "--set-param", metavar="KEY=VALUE", help="Change params.yaml; saved as an experiment."
        ),
    ] = None,
    address: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="Head of a Ray cluster to run on; 'local' starts one here."),
    ] = "",
) -> None:
    """Bring TARGETS, or all, up to date, as `dvc repro` does, but several stages at a time."""
    from regen.params import read_params

    began = time.monotonic()
    with locked_graph() as graph:
        with unchanged_by_mistakes(Path("params.yaml")):
            if set_param:
                _override(set_param)
            params = read_params()  # a mistake costs one line and no work
            stages = graph.selected(targets or [])
        where: AbstractContextManager[tuple[Place, Settings]]
        if address:
            where = on_cluster(address, jobs, params.device, graph)
        else:
            where = nullcontext(this_machine(kind_of(params.device, params.precision), jobs))
        with (
            where as (place, settings),
            tqdm(total=len(stages), disable=None, leave=False, dynamic_ncols=True, bar_format=BAR) as bar,
        ):
            watch = partial(show, bar, read_seconds()) if not bar.disable else None  # only on a terminal
            outcome = Engine(graph, place, settings, bar.write, watch).run(stages)
        write_seconds(outcome)
    for line in outcome.summary(time.monotonic() - began):
        print(line)
    if outcome.exit_code:
        raise typer.Exit(outcome.exit_code)
    if set_param:
        _save_experiment()


@app.command()
def status(targets: Targets = None) -> None:
    """List the stages that `regen run` would run; those that only wait for one of them are marked."""
    with locked_graph() as graph:
        stale: set[Stage] = set()
        for stage in graph.selected(targets or []):
            waits = graph.stages_needed(stage) & stale
            if waits or is_stale(stage):
                stale.add(stage)
                print(f"{stage.addressing}{' (after the above)' if waits else ''}")
    if not stale:
        print("up to date")


@app.command("open")
def open_(
    page: Annotated[str, typer.Argument(help="Page of the book: ift6135, runs, ...")] = "index",
) -> None:
    """Open the book of results, reports/index.html, in the browser."""
    from regen.pipeline.browser import open_page  # here, since it imports pandas, which the others do without

    open_page(page)


@app.command()
def compare(
    other: Annotated[
        str,
        typer.Argument(help="A folder with results, such as results/paper-cpu, or a revision or experiment."),
    ],
) -> None:
    """Put the results of OTHER beside those of the last run, chapter by chapter, into reports/compare."""
    from regen.pipeline.compare import compare as write_comparison

    print(f"Both, chapter by chapter: {write_comparison(other)}")


@app.command()
def pdf() -> None:
    """Print the book of results to reports/regen.pdf; needs Chromium or Chrome."""
    from regen import artifacts
    from regen.pipeline.browser import print_book

    print_book(artifacts.book_page("index"), artifacts.BOOK_PDF)
    print(f"The book: {artifacts.BOOK_PDF}")


def this_machine(kind: str, jobs: int) -> tuple[Place, Settings]:
    """Place and settings for a run on this machine; `kind` of device is cpu, cuda or mps."""
    jobs = jobs or default_jobs(kind)
    on_cuda = kind == "cuda"
    devices = gpus() if on_cuda else []
    place = Children(jobs, threads_of(jobs), memory(), devices)
    return place, Settings(on_cuda, seeds_apart=jobs > 1 and (not on_cuda or len(devices) > 1))


@contextmanager
def on_cluster(address: str, jobs: int, device: str, graph: Graph) -> Iterator[tuple[Place, Settings]]:
    """Connect to a cluster; place and settings for a run there, with `device` of params.yaml."""
    if jobs:
        raise InputError(f"--jobs {jobs}: not allowed with --address; a cluster runs what its nodes can hold")
    try:
        from regen.pipeline.cluster import cluster
    except ImportError as error:
        raise InputError(f"--address {address}: {error}; pip install 'regen[cluster]'") from None
    outs = [Path(out.def_path) for stage in graph.needs for out in stage.outs]
    with cluster(address, not_sent=outs) as place:
        yield place, Settings(device == "cuda" or (device == "auto" and place.has_gpus()), seeds_apart=True)


@contextmanager
def unchanged_by_mistakes(path: Path) -> Iterator[None]:
    """Put a file back as it was where the block raises an error, or a signal comes: Stopped then."""
    before = path.read_bytes() if path.exists() else b""
    signals: list[int] = []
    try:
        with noted_signals(signals):
            yield
        if signals:
            raise Stopped(signals[0])
    except Exception:
        if before and path.read_bytes() != before:
            path.write_bytes(before)
        raise


def _override(changes: list[str]) -> None:
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import apply_overrides
    from ruamel.yaml.error import YAMLError

    from regen.params.yaml_files import read_yaml

    read_yaml(Path("params.yaml"))  # or one line that tells what is wrong with it
    changed = FOLDER / "params.yaml"  # DVC writes it in place, and half of it where it is killed
    changed.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy("params.yaml", changed)
    try:
        apply_overrides(changed, changes)
    except (DvcException, ValueError, YAMLError) as error:
        reason = line_of(error.__cause__ or error)  # DVC says no more than that the option is wrong
        allowed = "KEY=VALUE of a key there, +KEY=VALUE of another"
        raise InputError(f"params.yaml: {' '.join(changes)!r}: {reason}; allowed: {allowed}") from None
    changed.replace("params.yaml")


def _save_experiment() -> None:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(".") as repo:
            name = repo.experiments.get_exact_name([repo.experiments.save()])
        print(f"experiment: {next(iter(name.values()))}")
    except DvcException as error:
        raise RunError(f"params.yaml: results are there, but no experiment was saved: {error}") from None


def main() -> None:
    """Entry point: errors as one line and an exit code, as of stages."""
    logging.getLogger("dvc").setLevel(logging.WARNING)
    run_app(app)


if __name__ == "__main__":
    main()
