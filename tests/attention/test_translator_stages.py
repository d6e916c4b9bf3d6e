"""The stages as commands, in a folder with a small corpus."""

import json
import runpy
import sys

import pandas as pd
import pytest
import yaml

from params.small import QUICK, REPO
from regen.artifacts import SPLITS, Corpus, Pairs, dataset_file, read_maps, translations_file, write_corpus
from regen.artifacts.corpora import SPECIAL
from regen.data.text import encoded

SOURCES = ["a b c", "c a", "b", "b c a a", "c b"] * 3
RUN = QUICK["attention"]["seq_attention"] | {"embedding": 4, "hidden": 4, "epochs": 1, "seeds": [3, 5]}


def small_corpus():
    words = [*SPECIAL, "a", "b", "c"], [*SPECIAL, "A", "B", "C"]
    texts = SOURCES, [source.upper() for source in SOURCES]
    sides = list(zip([[text.split() for text in side] for side in texts], words, strict=True))
    splits = {split: Pairs(*(encoded(*side) for side in sides), *texts) for split in SPLITS}
    return Corpus("dates", splits, *words, "made up")


@pytest.fixture
def stage(tmp_path, monkeypatch, capsys):
    """Return a function that runs a stage in `tmp_path`; it returns the exit code and what is said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGEN_CACHE", str(tmp_path / "cache"))
    (tmp_path / "dvc.yaml").write_text((REPO / "dvc.yaml").read_text())
    for name in ("src", "stages"):
        (tmp_path / name).symlink_to(REPO / name)
    plain = RUN | {"attention": "none"}
    settings = QUICK | {"attention": {"looks": RUN, "plain": plain}}
    settings["translation"] = QUICK["translation"] | {"max_length": 3}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    write_corpus(dataset_file("dates"), small_corpus())

    def run(script, *args):
        monkeypatch.setattr(sys, "argv", [script, *args])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(REPO / "stages" / script), run_name="__main__")
        said = capsys.readouterr()
        return caught.value.code or 0, said.out, said.err

    return run


def test_from_sentences_to_a_translation_of_one_s_own(stage, tmp_path):
    code, out, err = stage("train_translator.py", "looks")
    assert (code, out) == (0, "")
    assert (
        "looks: 3 of 15 training pairs left out, with a sentence of more than 3 words "
        "(translation.max_length)\n" in err
    )
    said = json.loads((tmp_path / "reports/runs/looks/training.json").read_text())
    assert (said["train_pairs"], said["too_long_pairs"], said["seeds"]) == (12, 3, 2)
    history = pd.read_csv(tmp_path / "reports/runs/attention/looks/history.csv")
    assert list(history.columns) == ["step", "epoch", "train_loss", "valid_loss", "valid_accuracy", "seed"]
    assert history["seed"].tolist() == [3, 5]

    assert stage("translate.py", "looks")[0] == 0
    scores = json.loads((tmp_path / "reports/runs/looks/translation.json").read_text())
    assert scores["test_sentences"] == 15
    seeds = pd.read_csv(tmp_path / "reports/runs/looks/seeds.csv").set_index("seed")
    assert seeds.index.tolist() == [3, 5]
    assert seeds["test_loss"].mean() == pytest.approx(scores["test_loss"], rel=1e-5)  # rounded
    assert seeds["test_loss"].std() == pytest.approx(scores["test_loss_deviation"], rel=1e-2)
    assert {"bleu", "chrf", "exact", "test_loss", "diagonal_share", "bleu_quarter_4"} <= scores.keys()
    lengths = pd.read_csv(tmp_path / "reports/runs/attention/looks/lengths.csv")
    assert lengths["seed"].tolist() == [3] * 4 + [5] * 4
    assert len(pd.read_csv(tmp_path / "reports/runs/looks/translations.csv")) == 15
    assert len(read_maps(translations_file("looks"))) == 8

    written = {path for path in tmp_path.rglob("*") if path.is_file()}
    code, out, err = stage("translate.py", "looks", "--text", "A c Bé", "--figure", "m.png", "--seed", "5")
    assert (code, err) == (0, "unknown words: bé\n")
    assert out.endswith("\n")
    assert {*out.split()} <= {"A", "B", "C", "<unk>"}
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - written == {tmp_path / "m.png"}

    for mistake, line in {
        ("--text", " "): "--text: ' ': holds no words\n",
        ("--text", "a b c a"): "--text: 4 words; allowed: up to translation.max_length, 3\n",
        ("--text", "a", "--seed", "1"): "--seed: 1: not a seed of looks; allowed: 3, 5\n",
        ("--text", "a", "--figure", "m.jpg"): "--figure: 'm.jpg': should end in .png or .pdf\n",
        ("--figure", "m.png"): "--figure and --seed: go with --text, a sentence to translate\n",
    }.items():
        assert stage("translate.py", "looks", *mistake) == (2, "", line)


def test_without_attention_there_is_nothing_to_draw(stage, tmp_path):
    assert stage("train_translator.py", "plain", "--seed", "3")[0] == 0
    assert not (tmp_path / "models").exists()
    assert stage("train_translator.py", "plain")[0] == 0
    assert stage("translate.py", "plain")[0] == 0
    assert read_maps(translations_file("plain")) == []
    assert stage("translate.py", "plain", "--text", "a b", "--figure", "m.png") == (
        2,
        "",
        "--figure: plain has no attention to draw (attention.plain.attention: none)\n",
    )
    assert not (tmp_path / "m.png").exists()
