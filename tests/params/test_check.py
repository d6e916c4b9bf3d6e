"""Stages as commands: each says in one line what is wrong with params.yaml, before it does anything."""

import runpy
import shutil
import subprocess
import sys

import pytest
import yaml

from params.small import REPO, settings

COMMANDS = [
    ["check_params.py"],
    ["fetch_data.py", "digits"],
    ["fetch_corpus.py", "dates"],
    ["play_dirac.py"],
    ["sample_points.py"],
    ["measure_theory.py"],
    ["measure_depth.py"],
    ["train_vae.py", "l100"],
    ["train_flow.py", "planar", "8"],
    ["train_flow.py", "maps"],
    ["train_flow.py", "realnvp", "realnvp_mnist"],
    ["estimate_likelihood.py", "l100"],
    ["train_classifier.py", "digits"],
    ["fetch_weights.py"],
    ["measure_reference.py", "digits"],
    ["measure_corruptions.py", "digits"],
    ["train_gan.py", "tiny_gan"],
    ["score_samples.py", "tiny_gan"],
    ["train_translator.py", "tiny_seq"],
    ["translate.py", "tiny_seq"],
    ["draw_figures.py", "vae", "l100"],
    ["draw_figures.py", "flow"],
    ["draw_figures.py", "realnvp", "realnvp_mnist"],
    ["draw_figures.py", "theory"],
    ["draw_figures.py", "gan", "tiny_gan"],
    ["draw_figures.py", "gan_overview"],
    ["draw_figures.py", "corruptions"],
    ["draw_figures.py", "attention", "tiny_seq"],
    ["draw_figures.py", "attention_overview"],
    ["draw_figures.py", "depth"],
    ["draw_figures.py", "dirac"],
    ["write_report.py"],
]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Return a function that runs a stage in `tmp_path`; it returns the exit code and what is said.

    In this process: a stage reads params.yaml first, and importing torch for each would take a minute.
    """
    monkeypatch.chdir(tmp_path)

    def stage(script, *args):
        monkeypatch.setattr(sys, "argv", [script, *args])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "stages" / script), run_name="__main__")
        said = capsys.readouterr()
        assert said.out == ""
        return caught.value.code or 0, said.err

    return stage


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_stage_says_so_in_one_line_and_writes_nothing(run, tmp_path, command):
    mistyped = settings({"likelihood.max_memory": ..., "likelihood.max_memori": 256})
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(mistyped))
    shutil.copy(REPO / "claims.yaml", tmp_path)
    assert run(*command) == (
        2,
        "params.yaml: likelihood.max_memori: unknown key; did you mean 'max_memory'? "
        "allowed: importance_samples, max_memory\n",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["claims.yaml", "params.yaml"]


def test_every_stage_is_in_the_test_above():
    scripts = {path.name for path in (REPO / "stages").glob("*.py")}
    assert scripts - {"write_book.py", "write_diff.py", "record_results.py"} == {
        command[0] for command in COMMANDS
    }


def test_the_check_as_a_command(run, tmp_path):
    code, said = run("check_params.py")
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("params.yaml: cannot be read")
    assert list(tmp_path.iterdir()) == []

    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings({})))
    assert run("check_params.py") == (0, "")
    passed = (tmp_path / "data" / "params.ok").read_bytes()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings({"seed": 2})))
    assert run("check_params.py") == (0, "")
    assert (tmp_path / "data" / "params.ok").read_bytes() == passed


INCEPTION, NOWHERE = "inception-v3-compat", "should be a folder, or a URL with http://, https:// or file:///"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"data.mirror": "ftp://x"}, f"data.mirror: 'ftp://x': {NOWHERE}"),
        ({"data.mirror": ""}, f"data.mirror: '': {NOWHERE}"),
        (
            {"data.mirror": "~nosuchuser/data"},
            f"data.mirror: '~nosuchuser/data': no home folder of that name; {NOWHERE}",
        ),
        (
            {"data.sha256": {"digits": "0" * 64}},
            f"data.sha256.digits: '{'0' * 64}': digits is embedded; allowed for a data set of one file only",
        ),
        (
            {"data.sha256": {"mnist": "0" * 64}},
            f"data.sha256.mnist: '{'0' * 64}': mnist is made of 4 files; allowed for a data set of one file "
            "only",
        ),
        *(
            (
                {"score.weights": {INCEPTION: weights}, **used},
                f"score.weights.{INCEPTION}: {weights!r}: no such file; should be one, a URL of one with "
                "http:// or https://, or null",
            )
            for weights in (
                "none.pth",
                "~nosuchuser/w.pth",
                "w" * 300,
                "a\0b",
                "ftp://host/w.pth",
                "http://w",
            )
            for used in (
                {"score.extractor": INCEPTION},
                {"score.beside": {"g": {"data": "digits", "extractors": [INCEPTION]}}},
            )
        ),
    ],
)
def test_what_later_stages_would_refuse_is_refused_first(run, tmp_path, changes, line):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings(changes)))
    assert run("check_params.py") == (2, f"params.yaml: {line}\n")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"data.mirror": "sets", "data.sha256": {"cifar10": "0" * 64}},
        {"score.weights": {INCEPTION: "none.pth"}},  # no Inception scores anything
        {"score.weights": {INCEPTION: "w.pth"}, "score.extractor": INCEPTION},
        {"score.weights": {INCEPTION: "http://host/w.pth"}, "score.extractor": INCEPTION},
        {"score.weights": {INCEPTION: None}, "score.extractor": INCEPTION},
    ],
)
def test_what_later_stages_would_take_passes(run, tmp_path, changes):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings(changes)))
    (tmp_path / "w.pth").touch()
    assert run("check_params.py") == (0, "")


def test_the_mirror_of_the_environment_is_checked_too(run, tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings({})))
    monkeypatch.setenv("REGEN_DATA_MIRROR", "ftp://x")
    assert run("check_params.py") == (2, f"REGEN_DATA_MIRROR: 'ftp://x': {NOWHERE}\n")


def test_the_check_as_a_process_needs_no_torch(tmp_path):
    """It comes before everything, so it has to be fast."""
    code = (
        "import runpy, sys\n"
        "del sys.argv[0]\n"
        "try:\n"
        "    runpy.run_path(*sys.argv, run_name='__main__')\n"
        "finally:\n"
        "    assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code, REPO / "stages" / "check_params.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("params.yaml: cannot be read")
