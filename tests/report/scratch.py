"""Small repositories for tests, apart from the settings of whoever runs them."""

import os
import subprocess


def begin(monkeypatch, folder):
    """Make a repository in `folder`, and go there."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.chdir(folder)
    git("init", "--quiet", "--initial-branch=main")


def git(*args, given=""):
    command = ["git", "-c", "user.name=test", "-c", "user.email=test", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, input=given).stdout.strip()


def commit():
    """Commit all files; return the commit."""
    git("add", "--all")
    git("commit", "--quiet", "--message=Results")
    return git("rev-parse", "HEAD")
