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
