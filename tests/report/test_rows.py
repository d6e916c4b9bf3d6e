"""Cells of tables for readers."""

import pytest

from regen.report.rows import cells_of

COLUMN = {"key": "distance", "title": "distance", "better": "lower"}


def marks(*rows):
    """Marks of the cells of one column, of rows of a distance and what it was measured with."""
    values = [{"distance": distance, **more} for distance, more in rows]
    table = {"columns": [COLUMN]}
    cells = cells_of(table, [{"cells": [""], "values": each} for each in values], [COLUMN])
    return [cell["mark"] for (cell,) in cells]


def test_the_best_of_a_column_is_marked():
    assert marks((3.0, {}), (2.0, {}), ("not finite", {})) == [None, "best", None]
    assert marks((2.0, {}), (2.0, {})) == [None, None]


@pytest.mark.parametrize("key", ["data", "extractor", "reference"])
def test_results_on_other_data_and_by_other_features_do_not_compare(key):
    assert marks((3.0, {key: "a"}), (2.0, {key: "a"})) == [None, "best"]
    assert marks((3.0, {key: "a"}), (2.0, {key: "b"})) == [None, None]
