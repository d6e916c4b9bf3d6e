from pathlib import Path

import pytest

from regen.artifacts.paths import cache_dir
from regen.errors import InputError


@pytest.mark.parametrize(
    ("own", "shared", "folder"),
    [
        ("/big/disk", "/x", "/big/disk"),
        ("~/disk", "/x", "/home/someone/disk"),
        ("", "/x", "/x/regen"),
        (None, "/x", "/x/regen"),
        (None, None, "/home/someone/.cache/regen"),
        (None, "", "/home/someone/.cache/regen"),
        (None, "relative", "/home/someone/.cache/regen"),
    ],
)
def test_precedence(monkeypatch, own, shared, folder):
    monkeypatch.setenv("HOME", "/home/someone")
    for name, value in (("REGEN_CACHE", own), ("XDG_CACHE_HOME", shared)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert cache_dir() == Path(folder)


@pytest.mark.parametrize("own", ["cache", "~nosuchuser/x"])
def test_a_relative_folder_is_refused(monkeypatch, own):
    monkeypatch.setenv("REGEN_CACHE", own)
    with pytest.raises(InputError, match=f"REGEN_CACHE: '{own}': should be an absolute path"):
        cache_dir()
