"""Command line of the stage scripts, with one-line error messages instead of tracebacks."""

import gc
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from regen.errors import InputError, RunError

OneSeed = Annotated[
    int | None, typer.Option("--seed", help="Train only this seed, and keep its finished checkpoint.")
]
"""Option of training stages, to train the seeds of a run side by side before the run is published."""


def collect_garbage_rarely() -> None:
    """Raise the threshold of garbage collection from 700: imports trigger collections that free nothing."""
    gc.set_threshold(50_000)


collect_garbage_rarely()  # on import, since stages import their libraries after this module


def run(stage: Callable[..., None]) -> None:
    """Run `stage` as a command, with its parameters as arguments and its docstring as help.

    An InputError ends the process with exit code 2, a RunError with 1; both print one line to stderr.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(stage)
    run_app(app)


def run_app(app: typer.Typer) -> None:
    """Run a command line with subcommands; errors as in `run`."""
    try:
        app()
    except (InputError, RunError) as error:
        sys.exit(fail(error))


def fail(error: InputError | RunError) -> int:
    """Print an error's message to stderr and return its exit code."""
    print(error, file=sys.stderr)
    return error.exit_code
