from regen.report.columns import Column, frame

ONE = {"run": "a", "log_p": -1.0, "other": 5}
SEVERAL = {"run": "b", "log_p": -2.0, "log_p_deviation": 0.5}
COLUMNS = [Column("run"), Column("test_log_p", of="log_p"), Column("absent")]


def test_columns_are_found_under_their_names_in_the_records():
    table = frame([ONE], COLUMNS)
    assert list(table) == ["run", "test_log_p", "absent"]
    assert table.loc[0, ["run", "test_log_p"]].tolist() == ["a", -1.0]
    assert table["absent"].isna().all()


def test_a_deviation_follows_its_mean_where_some_run_has_one():
    table = frame([ONE, SEVERAL], COLUMNS)
    assert list(table) == ["run", "test_log_p", "test_log_p_deviation", "absent"]
    assert table["test_log_p_deviation"].fillna("").tolist() == ["", 0.5]


def test_a_deviation_that_is_listed_keeps_its_place():
    columns = [*COLUMNS, Column("test_log_p_deviation", of="log_p_deviation")]
    for records in ([ONE], [SEVERAL]):
        assert list(frame(records, columns)) == [column.key for column in columns]


def test_no_rows():
    assert list(frame([], COLUMNS)) == ["run", "test_log_p", "absent"]
