"""Markdown tables, read back."""

import re


def rows(markdown):
    """Return the cells of the first table of some Markdown, without its heading."""
    lines = re.findall(r"(?:^\|.*\n?)+", markdown, re.MULTILINE)[0].splitlines()
    assert len({line.count("|") for line in lines}) == 1
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
