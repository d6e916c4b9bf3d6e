import pytest
from selenium.webdriver.common.keys import Keys

from book.checks import faults_in_browser, faults_of_sorting, rows, show

BROKEN = {
    '<script>console.error("x")</script>': "console: ",
    '<img src="http://127.0.0.1:9/a.png" alt="a" width="1" height="1">': "request: http://127.0.0.1:9/a.png",
    '<img src="gone.png" alt="a" width="1" height="1">': "image gone.png: does not load",
    '<img src="figures/wide.png" alt="a" width="9" height="9">': "image figures/wide.png: is 1040 x 298",
    '<div style="width: 700px">wide</div>': "page: ",
    '<article class="claim" id="claim-a"><b style="margin: 0 900px">a</b></article>': "claim-a: ",
    '<p style="color: #aaa">pale</p>': 'light: color-contrast: <p style="color: #aaa"',
    '<p style="color: #444">dim</p>': 'dark: color-contrast: <p style="color: #444"',
    "<button></button>": "narrow: button-name: ",
}
"""Faults of a page, and what is said of them."""


def test_pages_work_in_a_browser(driver, book):
    assert faults_in_browser(driver, book) == []


def test_faults_are_found(driver, demo):
    (demo / "one.html").unlink()
    (demo / "index.html").unlink()
    page = demo / "runs.html"
    page.write_text(page.read_text().replace("</h1>", f"</h1>{''.join(BROKEN)}"))
    found = faults_in_browser(driver, demo)
    missed = [
        fault
        for fault in BROKEN.values()
        if not any(each.startswith(f"runs.html: {fault}") for each in found)
    ]
    assert not missed, found


@pytest.mark.parametrize(
    ("code", "fault"),
    [("body.append(", "is not sorted"), ("makeSortable(table);", "8 headings, but 0 buttons")],
)
def test_a_sort_that_does_nothing_is_found(driver, demo, code, fault):
    page = demo / "one.html"
    text = page.read_text()
    assert code in text
    page.write_text(text.replace(code, "[].push(" if code.endswith("(") else ""))
    show(driver, page)
    assert any(fault in each for each in faults_of_sorting(driver))


def column(driver, place):
    """Return the texts of a column of the compared table, by group."""
    table = driver.find_element("css selector", "table[aria-labelledby=caption-compared]")
    return [[row[place][1] for row in group] for group in rows(driver, table)]


def heading(driver, place):
    return driver.find_element(
        "css selector", f"table[aria-labelledby=caption-compared] th:nth-child({place + 1})"
    )


def test_numbers_then_words_then_empty_cells_either_way_in_each_group(driver, demo):
    show(driver, demo / "one.html")
    button = heading(driver, 1).find_element("css selector", "button")
    assert heading(driver, 1).get_attribute("aria-sort") is None
    button.click()
    assert heading(driver, 1).get_attribute("aria-sort") == "ascending"
    assert column(driver, 1) == 2 * [["9.50 ± 0.10 (best)", "10.25", "not finite", ""]]
    button.send_keys(Keys.ENTER)
    assert heading(driver, 1).get_attribute("aria-sort") == "descending"
    assert column(driver, 1) == 2 * [["10.25", "9.50 ± 0.10 (best)", "not finite", ""]]


def test_words_sort_by_the_numbers_in_them_and_equal_rows_keep_their_order(driver, demo):
    show(driver, demo / "one.html")
    heading(driver, 0).find_element("css selector", "button").click()
    assert column(driver, 0) == 2 * [["a", "b9", "b10", "c"]]
    for _ in range(2):
        heading(driver, 2).find_element("css selector", "button").click()
        assert column(driver, 0) == 2 * [["a", "b9", "b10", "c"]]
    assert heading(driver, 0).get_attribute("aria-sort") is None


def test_without_a_script_nothing_looks_clickable(driver, demo):
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.get((demo / "one.html").as_uri())
        assert not driver.find_elements("css selector", "button")
        assert heading(driver, 1).text.startswith("loss")
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
