"""Errors that end a stage early, each with one line for the user and an exit code."""

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Unusable input: the message names file, key, value and what is allowed."""

    exit_code = 2


class RunError(Exception):
    """A run that failed on good input: a loss that is not finite, a download that breaks off."""

    exit_code = 1


class WriteError(RunError, OSError):
    """A file cannot be written: the disk is full, or the folder refuses it."""


def suggest(word: str, known: Iterable[str]) -> str:
    """Hint `did you mean 'x'? ` where a known word is close, then the list of what is allowed."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}allowed: {', '.join(known)}"
