"""The two ways a stage may end early, each with one line for the user and an exit code."""


class InputError(Exception):
    """What the user gave cannot be used: the message names file, key, value and what is allowed."""

    exit_code = 2


class RunError(Exception):
    """The input was fine but the run went wrong: a loss that is not finite, a download that fails."""

    exit_code = 1
