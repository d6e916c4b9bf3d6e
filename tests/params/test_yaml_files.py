"""params.yaml as a file: YAML as DVC reads it, or one line that says what is wrong."""

import pytest
import yaml

from params.small import BASE
from regen.errors import InputError
from regen.params import read_params
from regen.params.yaml_files import read_yaml

TEXT = yaml.safe_dump(BASE, sort_keys=False)
LINES = TEXT.splitlines()
SEED, DPI = LINES.index("seed: 1") + 1, LINES.index("  dpi: 100") + 1
RATE = "learning_rate: 0.001"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "params.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "should hold sections such as seed, data, vae; see profiles/quick.yaml"),
        ("# nothing\n", "should hold sections"),
        ("- seed\n", "should hold sections"),
        ("seed: 1", "device: missing"),
        (TEXT.replace("seed: 1", "seed: 1: 2"), f"line {SEED}: not YAML: "),
        (TEXT.replace("seed: 1", "seed: [1"), f"line {SEED + 1}: not YAML: "),
        (TEXT.replace("  dpi", "\tdpi"), f"line {DPI}: not YAML: "),
        (TEXT + "seed: 2\n", f"line {len(LINES) + 1}: duplicate key 'seed'"),
        (TEXT.replace("  dpi: 100\n", "  dpi: 100\n  dpi: 200\n"), f"line {DPI + 1}: duplicate key 'dpi'"),
        (TEXT.replace("seed: 1", "? {a: 1}\n: 1"), f"line {SEED}: not YAML: "),
        (TEXT.replace("seed: 1", "? [a]\n: 1"), f"line {SEED}: not YAML: "),
        (TEXT.replace("seed: 1", "seed: !!python/object:os.system 1"), f"line {SEED}: not YAML: "),
        *(
            (TEXT.replace("seed: 1", f"seed: {text}"), f"line {SEED}: not YAML: {what}")
            for text, what in (
                ("2020-13-45", "'2020-13-45' is no timestamp"),
                ("0x_", "'0x_' is no int"),
                ("!!int abc", "'abc' is no int"),
                ("!!int ''", "'' is no int"),
                ("!!bool maybe", "'maybe' is no bool"),
                ("!!timestamp soon", "'soon' is no timestamp"),
            )
        ),
        (TEXT.replace("seed: 1", "0x_: 1"), f"line {SEED}: not YAML: '0x_' is no int"),
        (TEXT.replace("seed: 1", "seed: \x07"), "not YAML: "),
        (TEXT.encode() + "# Schätzung".encode("latin-1"), "not YAML: "),
    ],
)
def test_files_that_hold_no_settings(file, text, message):
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_params()
    assert str(caught.value).startswith(f"params.yaml: {message}")


def test_a_section_may_take_over_anothers_keys(file):
    file.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n")
    assert read_yaml(file) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}}
    file.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, y: 4}\n")
    with pytest.raises(InputError, match="line 2: duplicate key 'y'"):
        read_yaml(file)


def test_no_file(file):
    with pytest.raises(InputError, match=r"^params.yaml: cannot be read \(No such file or directory\); run "):
        read_params()
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_params(file.parent)


def test_two_mistakes_two_lines_each_with_the_file(file):
    file.write_text(TEXT.replace("seed: 1", "seed: -1").replace("dpi: 100", "dpi: 1"))
    with pytest.raises(InputError) as caught:
        read_params()
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        ["params.yaml", "seed"],
        ["params.yaml", "figures.dpi"],
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4),
        ("3.e-4", 3e-4),
        (".3e-3", 3e-4),
        ("3E-4", 3e-4),
        ("0.0003", 3e-4),
        ("1e+1", 10.0),
        ("2", 2.0),
    ],
)
def test_numbers_as_people_write_them(file, text, value):
    file.write_text(TEXT.replace(RATE, f"learning_rate: {text}", 1))
    read = read_params().vae["v"].learning_rate
    assert (read, type(read)) == (pytest.approx(value), float)


@pytest.mark.parametrize("text", ["1,0e-3", "nan", '"1e-3"', "fast", ".nan", ".inf"])
def test_what_is_no_number(file, text):
    file.write_text(TEXT.replace(RATE, f"learning_rate: {text}", 1))
    with pytest.raises(InputError, match=r"^params.yaml: vae.v.learning_rate: .*: should be a "):
        read_params()
