import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from book.demo import write_demo
from regen.errors import InputError
from regen.pipeline.browser import FLAGS, find_browser, sandbox_flags
from regen.report.book import Book
from regen.report.records import read_records
from regen.report.results import Results

REPORTS = Path(__file__).parents[2] / "reports"


@pytest.fixture(scope="session", params=["the book of the results in git", "a small book"])
def book(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the pages under test."""
    folder = tmp_path_factory.mktemp("book")
    return write_demo(folder) if request.param == "a small book" else write_real(folder)


def write_real(folder: Path) -> Path:
    """Write the book of the results in git, the recorded runs beside them."""
    for name in ("tables", "figures", "claims.json"):
        copy = shutil.copytree if (REPORTS / name).is_dir() else shutil.copy
        copy(REPORTS / name, folder / name)
    results = Results(folder, REPORTS.parent / "params.yaml")
    records = read_records(REPORTS.parent / "results")
    Book(results, folder, {"settings": "the quick profile"}, records=records).write()
    return folder


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A small book that a test may change."""
    return write_demo(tmp_path / "demo")


@pytest.fixture(scope="session")
def browser() -> str:
    """Path of Chromium or Chrome, or the test is skipped."""
    try:
        return find_browser()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def driver(browser: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A browser that tests control, which notes its requests; skipped where it is not there."""
    service = shutil.which("chromedriver")
    if service is None:
        pytest.skip("chromedriver: not installed; tests control the browser with it")
    options = ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
    for flag in (*FLAGS, *sandbox_flags(), "--disable-dev-shm-usage", profile):
        options.add_argument(flag)
    driver = Chrome(options, Service(service))
    driver.set_script_timeout(120)
    yield driver
    driver.quit()
