import pytest

from regen.chapters import curves


@pytest.mark.parametrize(
    ("valid", "expected"),
    [
        ([100.0, 20.0, 11.0, 10.5, 10.2, 10.0], "rises fast, then levels off"),
        ([100.0, 80.0, 60.0, 40.0, 20.0, 10.0], "does not level off"),
        ([10.0, 11.0, 12.0, 13.0], "does not level off"),  # nothing falls
        ([10.0], "does not level off"),
    ],
)
def test_shape(valid, expected):
    assert curves.shape(valid) == expected


@pytest.mark.parametrize(("valid", "expected"), [(104.0, "close"), (94.0, "apart"), (106.0, "apart")])
def test_generalisation_is_of_the_last_epoch(valid, expected):
    assert curves.generalisation([7.0, 100.0], [70.0, valid]) == expected


@pytest.mark.parametrize(
    ("train", "valid", "expected"),
    [
        ([200, 110, 105, 100], [200, 112, 111, 110.9], "train falls, valid is flat"),
        ([200, 110, 105, 100], [200, 112, 110, 115], "train falls, valid rises"),  # overfits
        ([200, 105, 105, 108], [200, 112, 110, 112], "train rises, valid is flat"),
        ([200, 110, 105, 100], [200, 112, 106, 101], "train falls, valid falls"),
        ([200, 100.5, 100.2, 100], [200, 112, 111.9, 111.9], "train is flat, valid is flat"),
        ([200, 110], [200, 112], "too few epochs"),
    ],
)
def test_plateau(train, valid, expected):
    assert curves.plateau(train, valid, since=2) == expected


@pytest.mark.parametrize(
    ("valid", "expected"),
    [
        ([200.0, 110.0, 105.0], "fast, then a little"),
        ([200.0, 180.0, 105.0], "slowly"),
        ([200.0, 110.0, 111.0], "no more after the middle"),
        ([200.0, 110.0], "too few epochs"),
    ],
)
def test_progress(valid, expected):
    assert curves.progress(valid, middle=2) == expected
