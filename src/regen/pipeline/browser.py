"""The book in a browser: opened to read, or printed to one PDF."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import webbrowser
from pathlib import Path

from regen import artifacts
from regen.errors import InputError, RunError
from regen.pipeline.one_page import one_page

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""For a browser without a window that asks nothing and sends nothing."""
PATIENCE = 300
"""Seconds that printing may take."""


def open_page(name: str) -> None:
    """Open the page `name` of the book, such as `index` or `runs`, in the browser of the desktop.

    Raises:
        InputError: there is no such page.
        RunError: no browser was found.
    """
    page = artifacts.book_page(name.removesuffix(".html"))
    if not page.is_file():
        there = sorted(each.stem for each in page.parent.glob("*.html"))
        allowed = f"allowed: {', '.join(there)}" if there else "make reproduce writes it"
        raise InputError(f"{page}: not there; {allowed}")
    if not webbrowser.open(page.resolve().as_uri()):
        raise RunError(f"{page}: no browser was found to open it with")


def print_book(first: Path, pdf: Path) -> None:
    """Print the page `first` and all pages of its navigation to one PDF.

    Raises:
        InputError: a page is not there, or there is no Chromium or Chrome.
        RunError: the browser failed.
    """
    text, browser = one_page(first), find_browser()
    with (
        tempfile.TemporaryDirectory() as profile,
        # beside the pages, since it shows the same figures; a browser goes by the suffix
        tempfile.NamedTemporaryFile("w", dir=first.parent, suffix=".html", encoding="utf-8") as page,
        artifacts.atomic_path(pdf) as part,
    ):
        page.write(text)
        page.flush()
        _print(browser, Path(page.name), part, profile)
        if not part.read_bytes().startswith(b"%PDF"):
            raise RunError(f"{pdf}: {browser} printed nothing")


def find_browser() -> str:
    """Path of Chromium or Chrome; InputError if there is none."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise InputError("Chromium or Chrome: neither is installed, and one of them is needed")
    return found


def sandbox_flags() -> list[str]:
    """What the browser asks of the superuser, for whom it has no sandbox."""
    return ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []


def _print(browser: str, page: Path, pdf: Path, profile: str) -> None:
    to = [f"--user-data-dir={profile}", "--no-pdf-header-footer", f"--print-to-pdf={pdf.resolve()}"]
    command = [
        browser,
        *FLAGS,
        *sandbox_flags(),
        *to,
        "--generate-pdf-document-outline",
        page.resolve().as_uri(),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise RunError(f"{browser}: printed nothing in {PATIENCE} s") from None
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2] or "it said nothing"
        raise RunError(f"{browser}: ended with exit code {done.returncode}: {last}")
