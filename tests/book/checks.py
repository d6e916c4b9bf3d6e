"""What can be wrong with the pages of a book, found in a browser."""

import json
from pathlib import Path
from typing import Any

from axe_core_python.base import AXE_SCRIPT
from selenium.webdriver import Chrome

NARROW, WIDE = 400, 1280
"""Widths of a window in CSS pixels."""

OPEN_ALL = "for (const each of document.querySelectorAll('details')) each.open = true;"
LOAD_IMAGES = """
const done = arguments[0];
const images = [...document.images];
for (const image of images) image.loading = "eager";
Promise.allSettled(images.map((image) => image.decode())).then(() => done(
  images.map((image) => [image.getAttribute("src"), image.naturalWidth, image.naturalHeight,
                         +image.getAttribute("width"), +image.getAttribute("height")])));
"""
WIDER = """
const right = (element) => element.getBoundingClientRect().right;
return [...document.querySelectorAll(".claim")]
  .filter((claim) => [...claim.querySelectorAll("*")].some((each) => right(each) > right(claim) + 1))
  .map((claim) => claim.id);
"""
COLOURS = "color-contrast"
RULES = {
    "light": {},
    "dark": {"runOnly": [COLOURS]},  # all that differs from light
    "narrow": {"rules": {COLOURS: {"enabled": False}}},  # all that may differ from wide
}
RUN_AXE = """
axe.run(document, {resultTypes: ["violations"], ...arguments[0]})
  .then((found) => arguments[1](found.violations));
"""
ROWS_OF = """
const rowsOf = (table) => [...table.tBodies].map((body) => [...body.rows]
  .filter((row) => !row.classList.contains("group"))
  .map((row) => [...row.cells].map((cell) => [cell.dataset.sort, cell.textContent])));
"""
ROWS = f"{ROWS_OF} return rowsOf(arguments[0]);"
SORTED = f"""{ROWS_OF}
return [...arguments[0].querySelectorAll("thead th > button")].map((button) => {{
  button.click();
  return rowsOf(arguments[0]);
}});
"""


def faults_in_browser(driver: Chrome, folder: Path) -> list[str]:
    """Say what is wrong with the pages in `folder` as a browser shows them; empty where nothing is."""
    return [
        f"{page.name}: {fault}" for page in sorted(folder.glob("*.html")) for fault in _faults(driver, page)
    ]


def show(driver: Chrome, page: Path, width: int = WIDE, scheme: str = "light") -> None:
    """Load a page in a window of that width, in light or dark, with all its details open."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    driver.get(page.as_uri())
    driver.execute_script(OPEN_ALL)


def _faults(driver: Chrome, page: Path) -> list[str]:
    for log in ("browser", "performance"):
        driver.get_log(log)  # forget other pages
    show(driver, page)
    found = [*_images(driver), *faults_of_sorting(driver), *_console(driver), *_requests(driver, page.parent)]
    found += _claims(driver) + _accessibility(driver, "light")
    show(driver, page, scheme="dark")
    found += _accessibility(driver, "dark")
    show(driver, page, NARROW)
    return found + _width(driver) + _claims(driver) + _accessibility(driver, "narrow")


def _console(driver: Chrome) -> list[str]:
    return [f"console: {entry['message']}" for entry in driver.get_log("browser")]


def _requests(driver: Chrome, folder: Path) -> list[str]:
    """Name requests of pages of the folder that leave it; the browser has some of its own."""
    ours = f"{folder.as_uri()}/"
    messages = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    sent = (each["params"] for each in messages if each["method"] == "Network.requestWillBeSent")
    urls = (each["request"]["url"] for each in sent if each["documentURL"].startswith(ours))
    return [f"request: {url}" for url in urls if not url.startswith((ours, "data:"))]


def _images(driver: Chrome) -> list[str]:
    """Name images that do not load, or have another shape than the page says."""
    found = []
    for source, wide, high, width, height in driver.execute_async_script(LOAD_IMAGES):
        if not wide:
            found.append(f"image {source}: does not load")
        elif (wide, high) != (width, height):
            found.append(f"image {source}: is {wide} x {high}, not {width} x {height}")
    return found


def _width(driver: Chrome) -> list[str]:
    wide = driver.execute_script("return document.documentElement.scrollWidth")
    return [f"page: {wide} pixels wide in a window of {NARROW}"] if wide > NARROW else []


def _claims(driver: Chrome) -> list[str]:
    """Name claims that something stands out of."""
    return [f"{name}: something in it is wider" for name in driver.execute_script(WIDER)]


def _accessibility(driver: Chrome, how: str) -> list[str]:
    driver.execute_script(AXE_SCRIPT)
    violations: list[dict[str, Any]] = driver.execute_async_script(RUN_AXE, RULES[how])
    return [
        f"{how}: {each['id']}: {node['html'][:120]}"
        for each in violations
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def rows(driver: Chrome, table: Any) -> list[list[list[list[str]]]]:
    """Cells of a table as pairs of sort key and text, by group, row and column."""
    return driver.execute_script(ROWS, table)


def faults_of_sorting(driver: Chrome) -> list[str]:
    """Name columns that do not sort: numbers rising, then words, then empty cells, in each group of rows."""
    found = []
    for table in driver.find_elements("css selector", "table.sortable"):
        name = table.accessible_name
        before = rows(driver, table)
        headings = table.find_elements("css selector", "thead th")
        after = driver.execute_script(SORTED, table)  # by each of its buttons
        if len(after) < len(headings) and any(len(group) > 1 for group in before):
            found.append(f"table {name}: {len(headings)} headings, but {len(after)} buttons that sort")
        for column, groups in enumerate(after):
            for group, was in zip(groups, before, strict=True):
                keys = [_rank(row[column][0]) for row in group]
                if sorted(group) != sorted(was) or keys != sorted(keys):
                    found.append(f"table {name}: column {column} is not sorted: {keys}")
    return found


def _rank(key: str) -> tuple[int, float]:
    if not key:
        return 2, 0.0
    try:
        return 0, float(key)
    except ValueError:
        return 1, 0.0
