"""Fetch one file."""

from regen.data.fetch import fetch_files


def fetch(file, mirrors, downloads, transfer):
    return fetch_files([file], mirrors, downloads, transfer)[file.name]


def leftovers(downloads):
    return [path.name for path in downloads.rglob("*.part")]
