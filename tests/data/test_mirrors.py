from pathlib import Path

import pytest

from regen.data.mirrors import list_mirrors, parse_mirror
from regen.errors import InputError

PUBLIC = ("https://one.example/data/", "https://two.example/data/")


def test_the_users_mirrors_come_first(monkeypatch, tmp_path):
    monkeypatch.setenv("REGEN_DATA_MIRROR", "http://lab.example/sets")
    assert list_mirrors(str(tmp_path), PUBLIC) == [tmp_path, "http://lab.example/sets/", *PUBLIC]
    assert list_mirrors(None, PUBLIC) == ["http://lab.example/sets/", *PUBLIC]


@pytest.mark.parametrize("variable", [None, ""])
def test_without_them_there_are_the_public_ones(monkeypatch, variable):
    if variable is not None:
        monkeypatch.setenv("REGEN_DATA_MIRROR", variable)
    assert list_mirrors(None, PUBLIC) == list(PUBLIC)


def test_a_mirror_that_is_named_twice_is_tried_once(monkeypatch):
    monkeypatch.setenv("REGEN_DATA_MIRROR", PUBLIC[1])
    assert list_mirrors(PUBLIC[1], PUBLIC) == [PUBLIC[1], PUBLIC[0]]


@pytest.mark.parametrize(
    ("value", "mirror"),
    [
        ("http://host/sets", "http://host/sets/"),
        ("https://host:8443/sets//", "https://host:8443/sets/"),
        (" http://host ", "http://host/"),
        ("file:///srv/some%20sets", Path("/srv/some sets")),
        ("/srv/sets", Path("/srv/sets")),
    ],
)
def test_urls_and_folders(value, mirror):
    assert parse_mirror(value, "key") == mirror


def test_the_longest_part_of_a_host_s_name():
    assert parse_mirror(f"http://{'a' * 63}.org./sets", "key") == f"http://{'a' * 63}.org./sets/"


def test_a_home_folder_of_nobody(monkeypatch):
    line = r"'~nosuchuser/data': no home folder of that name; should be a folder, or a URL with "
    with pytest.raises(InputError, match=rf"^params\.yaml: data\.mirror: {line}"):
        list_mirrors("~nosuchuser/data", PUBLIC)
    monkeypatch.setenv("REGEN_DATA_MIRROR", "~nosuchuser/data")
    with pytest.raises(InputError, match=rf"^REGEN_DATA_MIRROR: {line}"):
        list_mirrors(None, PUBLIC)


def test_home_and_relative_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.chdir(tmp_path)
    assert parse_mirror("~/sets", "key") == Path("/home/someone/sets")
    assert parse_mirror("sets", "key") == tmp_path / "sets"


@pytest.mark.parametrize(
    "value",
    ["", "  ", "ftp://host/sets", "htp://host", "http://", "http:///sets", "http://host:port/", "file://host/sets",
     "file://", "http://[host", "http://höst/", f"http://{'a' * 64}/sets", "http://a..b/"],
)  # fmt: skip
def test_what_is_no_mirror_is_refused_with_what_is_allowed(value, monkeypatch):
    allowed = r"should be a folder, or a URL with http://, https:// or file:///"
    with pytest.raises(InputError, match=rf"^params\.yaml: data\.mirror: '.*': {allowed}$"):
        list_mirrors(value, PUBLIC)
    if value:
        monkeypatch.setenv("REGEN_DATA_MIRROR", value)
        with pytest.raises(InputError, match=rf"^REGEN_DATA_MIRROR: '.*': {allowed}$"):
            list_mirrors(None, PUBLIC)
