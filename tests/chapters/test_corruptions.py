import pandas as pd
import pytest

from chapters.made_up import scores, write
from regen import artifacts
from regen.chapters import corruptions
from regen.errors import InputError

STRENGTHS = {"blur": [0, 0.5, 2], "noise": [0, 16, 32, 64], "mixing": [0, 0.25], "missing": [0, 1, 3]}
RISING = {"blur": [2.0, 4.0, 8.0], "mixing": [2.0, 2.125], "missing": [2.0, 5.0, 10.0]}
DISTANCES = {
    "digits": RISING | {"noise": [2.0, 1.0, 4.0, 4.0]},
    "digits_color": RISING | {"noise": [2.0, 2.5, 3.0, 4.0]},
}


def record(data, distances, extractor="classifier"):
    """Scores of corrupted images, as the stage leaves them."""
    return pd.DataFrame(
        {"corruption": kind, "strength": strength} | scores(distance, extractor, reference=f"{data}, test")
        for kind, strengths in STRENGTHS.items()
        for strength, distance in zip(strengths, distances[kind], strict=True)
    )


FILES = {artifacts.corruptions_file(data): record(data, found) for data, found in DISTANCES.items()}


@pytest.fixture
def chapter(params):
    write(FILES)
    return corruptions.chapter(params)


def row(table, data, corruption):
    """Return the row of a table for readers on one corruption, by heading."""
    titles = [column.title for column in table.headings]
    rows = [dict(zip(titles, cells, strict=True)) for cells in table.rows]
    (found,) = (each for each in rows if (each["data"], each["corruption"]) == (data, corruption))
    return found


def test_a_row_a_corruption_with_the_scores_at_each_strength(chapter):
    (table,) = chapter.tables
    assert row(table, "digits", "blur") == {
        "data": "digits",
        "corruption": "blur",
        "strength": "0, 0.5, 2",
        "Frechet distance": "2.00, 4.00, 8.00",
        "the distance": "rises at every step",
        "IS": "50.00, 25.00, 12.50",
        "against": "digits, test",
        "features": "classifier",
        "images": "1000",
    }
    assert [cells[:2] for cells in table.rows] == [
        [data, kind] for data in DISTANCES for kind in ("blur", "noise", "mixing", "missing")
    ]


def test_the_csv_file_has_a_row_a_strength(chapter):
    data = chapter.tables[0].data
    assert len(data) == 2 * sum(map(len, STRENGTHS.values()))
    noise = data[(data["data"] == "digits") & (data["corruption"] == "noise")]
    assert noise["strength"].tolist() == STRENGTHS["noise"]
    assert noise["frechet_distance"].tolist() == DISTANCES["digits"]["noise"]


def test_where_the_distance_falls_or_stays_it_says_so(chapter):
    (table,) = chapter.tables
    assert row(table, "digits", "noise")["the distance"] == "does not rise from 0 to 16 and from 32 to 64"
    assert row(table, "digits_color", "noise")["the distance"] == "rises at every step"


def test_metrics_follow_whether_it_rises(chapter):
    expected = {f"{data}_{kind}": "rises" for data in DISTANCES for kind in STRENGTHS}
    assert chapter.metrics == {"corruptions": expected | {"digits_noise": "does not rise"}}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_distance_that_is_not_finite_has_not_risen(params, place):
    broken = record("digits", DISTANCES["digits"]).astype({"frechet_distance": object})
    broken.loc[place, "frechet_distance"] = "not finite"
    write(FILES | {artifacts.corruptions_file("digits"): broken})
    found = row(corruptions.chapter(params).tables[0], "digits", "blur")
    assert found["Frechet distance"].split(", ")[place] == "not finite"
    assert found["the distance"].startswith("does not rise from ")


def test_an_inception_s_distance_is_an_fid(params):
    inception = "inception-torchvision"
    write({path: record(path.stem, DISTANCES[path.stem], inception) for path in FILES})
    found = row(corruptions.chapter(params).tables[0], "digits", "blur")
    assert (found["FID"], found["features"]) == ("2.00, 4.00, 8.00", inception)


def test_the_table_tells_of_copies_of_the_data(chapter, params):
    params.data.sha256.update(digits_color="0" * 64)
    (table,) = corruptions.chapter(params).tables
    assert row(table, "digits_color", "blur")["against"] == "digits_color, test (copy)"
    assert row(table, "digits", "blur") == row(chapter.tables[0], "digits", "blur")


def test_without_a_classifier_there_is_nothing_to_tell_of(params):
    with pytest.raises(InputError, match=r"^corruptions: .*; name one, such as classifier-digits$"):
        corruptions.chapter(params.model_copy(update={"classifier": {}}))


@pytest.mark.usefixtures("chapter")
def test_a_record_that_is_absent_is_named(params):
    artifacts.corruptions_file("digits").unlink()
    with pytest.raises(InputError, match=r"^reports/runs/corruptions/digits.csv: no table \("):
        corruptions.chapter(params)
