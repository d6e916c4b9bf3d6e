import re

import pytest

from book.files import faults_of_files

BROKEN = {
    'href="runs.html"': ('href="gone.html"', "one.html: link to gone.html: no such file"),
    'href="#table-runs"': ('href="#gone"', "one.html: link to #gone: no such anchor"),
    'alt="Loss by epoch"': ('alt=""', "one.html: image figures/curves.png: no alt"),
    'src="figures/curves.png"': ('src="figures/gone.png"', "one.html: img figures/gone.png: no such file"),
    'src="figures/wide.png"': (
        'src="https://example.org/a.png"',
        "one.html: img https://example.org/a.png: outside of the folder",
    ),
    'id="claim-order"': ('id="claim-final"', "one.html: id claim-final: 2 times"),
    'id="caption-runs"': ('id="gone"', "one.html: id caption-runs: asked for, but not there"),
    "<h1>": ("<h3>", "one.html: 0 h1: should be 1"),
    ' lang="en"': ("", "one.html: html: no lang"),
}


def test_links_anchors_images_and_headings_are_in_order(book):
    assert faults_of_files(book) == []


@pytest.mark.parametrize("right", BROKEN)
def test_a_fault_is_found(demo, right):
    wrong, fault = BROKEN[right]
    page = demo / "one.html"
    text = page.read_text()
    assert right in text
    page.write_text(text.replace(right, wrong))
    assert fault in faults_of_files(demo)


def test_a_level_of_headings_that_is_left_out_is_found(demo):
    page = demo / "one.html"
    page.write_text(re.sub(r"h2>", "h3>", page.read_text()))
    assert "one.html: h3 after h1" in faults_of_files(demo)


def test_an_empty_folder_is_no_book(tmp_path):
    assert faults_of_files(tmp_path) == [f"{tmp_path}: no pages"]
