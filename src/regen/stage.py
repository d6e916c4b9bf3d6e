"""What every stage script shares: its command line, and one line instead of a traceback for the user."""

import gc
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from regen.errors import InputError, RunError

OneSeed = Annotated[
    int | None, typer.Option("--seed", help="Train this seed only, and leave its finished checkpoint.")
]
"""Option of trainings: the seeds of a run can so be trained side by side before the run is published."""


def collect_garbage_rarely() -> None:
    """Raise the threshold of 700 objects: while hundreds of modules are imported there is no garbage."""
    gc.set_threshold(50_000)


collect_garbage_rarely()  # here, since stages import what they need below this module


def run(stage: Callable[..., None]) -> None:
    """Run `stage` as a command: its arguments are the command line's, its docstring the help.

    An InputError ends it with exit code 2, a RunError with 1; both print their one line to stderr.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(stage)
    run_app(app)


def run_app(app: typer.Typer) -> None:
    """Run a command line of several subcommands; errors as in `run`."""
    try:
        app()
    except (InputError, RunError) as error:
        sys.exit(fail(error))


def fail(error: InputError | RunError) -> int:
    """Print the error's line to stderr and return its exit code."""
    print(error, file=sys.stderr)
    return error.exit_code
