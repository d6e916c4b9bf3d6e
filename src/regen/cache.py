"""Where regen keeps what outlives a run and is no stage's output: raw downloads, training checkpoints."""

import os
from pathlib import Path

from regen.errors import InputError


def cache_dir() -> Path:
    """Return REGEN_CACHE, else `$XDG_CACHE_HOME/regen`, else `~/.cache/regen`; it may not exist yet.

    The folder is absolute, since `dvc exp run` works in copies of the repository. A variable that is set to
    nothing counts as not set; so does a relative XDG_CACHE_HOME, as its specification asks.

    Raises:
        InputError: REGEN_CACHE is not an absolute path, or is needed where there is no home folder.
    """
    if own := os.environ.get("REGEN_CACHE"):
        path = Path(own).expanduser()
        if not path.is_absolute():
            raise InputError(f"REGEN_CACHE: {own!r}: should be an absolute path, or unset")
        return path
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if shared.is_absolute():
        return shared / "regen"
    try:
        return Path.home() / ".cache" / "regen"
    except RuntimeError:
        raise InputError("REGEN_CACHE: not set, and no home folder; should be an absolute path") from None
