"""Command line of the stage scripts, with one-line error messages instead of tracebacks."""

import gc
import sys
from collections.abc import Callable

import typer

from regen.errors import InputError, RunError

gc.set_threshold(50_000)  # default 700: importing hundreds of modules triggers collections that free nothing


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
