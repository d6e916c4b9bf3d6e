"""Errors that end a stage early, each with one line for the user and an exit code."""


class InputError(Exception):
    """Unusable input: the message names file, key, value and what is allowed."""

    exit_code = 2


class RunError(Exception):
    """A run that failed on good input: a loss that is not finite, a download that breaks off."""

    exit_code = 1


class WriteError(RunError, OSError):
    """A file cannot be written: the disk is full, or the folder refuses it."""
