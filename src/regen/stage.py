"""What every stage script shares: its command line, and one line instead of a traceback for the user."""

import gc
import sys
from collections.abc import Callable

import typer

from regen.errors import InputError, RunError

gc.set_threshold(50_000)  # of 700: it looks for garbage while hundreds of modules are imported, in vain


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
