from pathlib import Path

import pandas as pd
import pytest

from chapters.made_up import TRANSLATORS, edit, write
from regen import artifacts
from regen.chapters import attention
from regen.params import Params
from regen.params.yaml_files import read_yaml
from regen.report.claims import Claim, Claims, as_claims
from regen.report.judge import judge
from regen.report.ledger import table

CLAIMS_FILE = Path(__file__).parents[2] / "claims.yaml"
BLEU = {"seq_attention": 60.0, "seq_plain": 40.0, "seq_forced": 55.0, "seq_free": 50.0}
STEPS = {"seq_attention": 200, "seq_plain": "not reached", "seq_forced": 100, "seq_free": 300}
OFFSETS = {
    "seq_attention": (-1, 0, 1),
    "seq_plain": (0, 1, -1),
    "seq_forced": (1, -1, 0),
    "seq_free": (-1, 1, 0),
}
"""Of each seed, in deviations."""
DEVIATIONS = {"bleu": 3**0.5, "diagonal_share": 0.0625, "aligned_share_swapped": 0.125}
ATTENTION = {
    "diagonal_share": 0.8,
    "diagonal_share_deviation": 0.0625,
    "even_diagonal_share": 0.375,
    "aligned_share": 0.875,
    "aligned_share_swapped": 0.75,
    "aligned_share_swapped_deviation": 0.125,
    "aligned_share_rest": 0.9375,
}
SOURCES = [f"source {number}" for number in range(8)]
SIGNATURES = {"bleu_signature": "nrefs:1|tok:13a", "chrf_signature": "nrefs:1|nc:6"}


def lengths(shortest, longest, gap=4):
    """BLEU of each seed in the shortest and the longest quarter, which are `gap` words apart."""
    return pd.DataFrame(
        {"quarter": quarter, "shortest": at, "longest": at + 1, "sentences": 2, "bleu": bleu + seed}
        | {"seed": seed}
        for seed in (1, 2, 3)
        for quarter, at, bleu in ((1, 4, shortest), (4, 4 + gap, longest))
    )


def seeds(run, scores):
    """Scores of each seed, with that mean and DEVIATIONS."""
    return pd.DataFrame(
        {"seed": seed}
        | {
            name: value + offset * DEVIATIONS[name] if name in DEVIATIONS and value != "not known" else value
            for name, value in scores.items()
            if not name.endswith("deviation")
        }
        for seed, offset in enumerate(OFFSETS[run], 1)
    )


def files(run):
    """What training and translating leave of a translator."""
    tested = {
        "test_sentences": 8,
        "test_loss": 1.5,
        "token_accuracy": 0.625,
        "bleu": BLEU[run],
        "bleu_deviation": 1.7321,
        "chrf": 70.0,
        "exact": 0.25,
        "steps_to_level": STEPS[run],
        "seeds": 3,
        **SIGNATURES,
        **(ATTENTION if TRANSLATORS[run]["attention"] != "none" else {}),
    }
    training = {"epochs": 2, "parameters": 77, "train_pairs": 800, "too_long_pairs": 0, "valid_loss": 1.25}
    listed = pd.DataFrame({"source": SOURCES, "reference": "oui", "translation": f"by {run}"})
    steps = pd.DataFrame({"step": [100, 400], "epoch": [1, 2], "valid_loss": [2.0, 1.0], "seed": 1})
    return {
        artifacts.scores_file(run, "training"): training,
        artifacts.scores_file(run, "translation"): tested,
        artifacts.seeds_file(run): seeds(run, tested),
        artifacts.translations_table_file(run): listed,
        artifacts.lengths_file(run): lengths(BLEU[run], BLEU[run] - (20 if run == "seq_plain" else 5)),
        artifacts.translator_history_file(run): steps,
    }


FILES = {path: content for run in TRANSLATORS for path, content in files(run).items()}
SAID = {
    "diagonal": "near the diagonal",
    "swaps": "follows swaps",
    "alignment": "better",
    "alignment_of_long": "more on long sentences",
    "forcing_speed": "faster",
    "forcing_always": "worse",
}
CLAIMS = Claims(tuple(Claim(key, "src", key, word, "seq_attention") for key, word in SAID.items()))


@pytest.fixture
def read(params):
    write(FILES)
    return lambda: attention.chapter(params)


def found(chapter):
    """What is found of `seq_attention`, by metric."""
    return {key: chapter.facts["seq_attention"].metrics[key] for key in SAID}


def score(run, **changes):
    file = artifacts.scores_file(run, "translation")
    edit(file, **changes)
    write({artifacts.seeds_file(run): seeds(run, artifacts.read_metrics(file))})


def test_a_row_a_run(read):
    table = read().tables[0]
    by_run = {row[0]: row[1:] for row in table.rows}
    assert list(by_run) == list(TRANSLATORS)
    assert by_run["seq_attention"] == [
        *("dates", "additive", "0.5", "2", "3", "1.500", "0.625", "60.0 ± 1.7", "70.0", "0.250"),
        *("0.800 ± 0.062", "0.375", "0.875", "0.750 ± 0.125", "0.938", "200"),
    ]
    assert by_run["seq_plain"][-6:] == ["", "", "", "", "", "not reached"]
    assert table.data["bleu_signature"].unique().tolist() == ["nrefs:1|tok:13a"]


def test_columns_that_no_run_fills_are_left_out(read):
    titles = [column.title for column in read().tables[0].headings]
    assert "on the aligned word" in titles
    assert "BLEU, beam" not in titles
    for run in TRANSLATORS:
        file = artifacts.scores_file(run, "translation")
        known = artifacts.read_metrics(file)
        write({file: {key: known[key] for key in known if "aligned" not in key} | {"beam_bleu": 61.5}})
    titles = [column.title for column in read().tables[0].headings]
    assert "on the aligned word" not in titles
    assert "BLEU, beam" in titles


def test_translations_with_attention_stand_beside_those_without(read):
    table = read().tables[1]
    assert table.rows[0] == ["source 0", "oui", "by seq_attention", "by seq_plain"]
    assert len(table.rows) == attention.LISTED
    assert table.data["source"].tolist() == SOURCES
    assert table.data["run"].unique().tolist() == ["seq_attention"]


def test_ours_agrees(read):
    chapter = read()
    assert found(chapter) == SAID
    assert set(table(judge(CLAIMS, chapter.facts))["verdict"]) == {"agrees"}


def test_the_numbers_behind_it(read):
    said = " ".join(read().facts["seq_attention"].told.values())
    assert "0.80 ± 0.04 of the attention is near the diagonal; spread evenly, 0.38 would be." in said
    assert (
        "0.75 ± 0.07 of the attention is on the word that is translated, and 0.94 ± 0.00 elsewhere." in said
    )
    assert "BLEU is 60.00 ± 1.00 with attention and 40.00 ± 1.00 without" in said
    assert "the difference is 20.00 ± 1.73 (± s.e.)" in said  # pair by pair: of -1, -1, 2 deviations
    assert "adds 35.00 ± 0.00 BLEU in the longest quarter of the sentences and 20.00 ± 0.00 in the" in said
    assert "shortest, a difference of 15.00 ± 0.00 (± s.e.)" in said
    assert "Steps to the level: 100 ± 0 with forcing 1 and 300 ± 0 with forcing 0." in said
    assert "BLEU is 55.00 ± 1.00 with forcing 1 and 60.00 ± 1.00 with 0.5" in said


@pytest.mark.parametrize(
    ("run", "changes", "key", "word"),
    [
        ("seq_attention", {"diagonal_share": 0.55}, "diagonal", "undecided"),
        ("seq_attention", {"diagonal_share": 0.4}, "diagonal", "not near the diagonal"),
        ("seq_attention", {"even_diagonal_share": 0.9}, "diagonal", "not near the diagonal"),
        ("seq_attention", {"aligned_share_swapped": 0.625}, "swaps", "undecided"),
        ("seq_attention", {"aligned_share_swapped": 0.25}, "swaps", "does not follow swaps"),
        ("seq_plain", {"bleu": 57.5}, "alignment", "undecided"),
        ("seq_plain", {"bleu": 65.0}, "alignment", "worse"),
        ("seq_forced", {"bleu": 59.0}, "forcing_always", "undecided"),
        ("seq_forced", {"bleu": 65.0}, "forcing_always", "better"),
        ("seq_forced", {"steps_to_level": 400}, "forcing_speed", "slower"),
        ("seq_forced", {"steps_to_level": 300}, "forcing_speed", "undecided"),
        ("seq_forced", {"steps_to_level": "not reached"}, "forcing_speed", "slower"),
    ],
)
def test_ours_disagrees(read, run, changes, key, word):
    """Also where a difference is not above two standard errors."""
    score(run, **changes)
    chapter = read()
    assert found(chapter)[key] == word


def test_a_level_that_is_never_reached_is_the_slowest(read):
    score("seq_free", steps_to_level="not reached")
    facts = read().facts["seq_attention"]
    assert facts.metrics["forcing_speed"] == "faster"
    assert "and 400 ± 0 or more (3 of 3 seeds never reach it) with forcing 0." in facts.told["forcing_speed"]
    score("seq_forced", steps_to_level="not reached")
    assert found(read())["forcing_speed"] == "not scored"


def test_a_seed_that_never_reaches_the_level_counts_with_all_its_steps(read):
    file = artifacts.seeds_file("seq_free")
    scores = artifacts.read_csv(file)
    write({file: scores.assign(steps_to_level=[300, "not reached", 200])})
    facts = read().facts["seq_attention"]
    assert "and 300 ± 58 or more (1 of 3 seeds never reach it) with" in facts.told["forcing_speed"]
    assert facts.metrics["forcing_speed"] == "faster"


@pytest.mark.parametrize(("longest", "word"), [(30.0, "undecided"), (60.0, "less on long sentences")])
def test_attention_that_helps_no_more_on_long_sentences(read, longest, word):
    """Attention loses 5 BLEU from the shortest quarter to the longest, its twin 10 or it wins 20."""
    noisy = lengths(40.0, longest)
    noisy.loc[noisy["quarter"] == 4, "bleu"] += [-9.0, 0.0, 9.0]
    write({artifacts.lengths_file("seq_plain"): noisy})
    assert found(read())["alignment_of_long"] == word


def test_without_evidence_there_is_no_verdict(read):
    score("seq_forced", steps_to_level=100)
    score("seq_free", steps_to_level=100)  # the first validation
    score("seq_attention", aligned_share_swapped="not known")
    write({artifacts.lengths_file("seq_attention"): lengths(60.0, 55.0, gap=1)})
    chapter = read()
    verdicts = table(judge(CLAIMS, chapter.facts)).set_index("claim")["verdict"]
    assert verdicts[["forcing_speed", "swaps", "alignment_of_long"]].tolist() == ["not scored"] * 3


def test_one_seed_has_no_standard_error(read):
    for run in TRANSLATORS:
        for file in (artifacts.seeds_file(run), artifacts.lengths_file(run)):
            table = artifacts.read_csv(file)
            write({file: table[table["seed"] == 1]})
    facts = read().facts["seq_attention"]
    assert {facts.metrics[key] for key in SAID} == {"not scored"}
    assert "a difference of -1.54 (one seed: no standard error)" in facts.told["forcing_always"]


@pytest.mark.usefixtures("read")
def test_runs_that_differ_in_more_than_one_setting_are_not_compared(params):
    content = params.model_dump()
    content["attention"]["seq_attention"] |= {"hidden": 7, "seeds": [4]}
    other = Params.model_validate(content)
    chapter = attention.chapter(other)
    compared = [key for key, word in found(chapter).items() if word != "not scored"]
    assert compared == ["diagonal", "swaps"]
    assert chapter.tables[1].rows == []
    assert chapter.tables[1].empty == "No two runs differ in attention alone."
    content["attention"]["seq_attention"]["hidden"] = params.attention["seq_plain"].hidden
    assert "not scored" not in found(attention.chapter(Params.model_validate(content))).values()


def test_metrics_and_trainings(read):
    chapter = read()
    assert chapter.metrics["seq_plain"] == {
        "test_loss": 1.5,
        "token_accuracy": 0.625,
        "bleu": 40.0,
        "chrf": 70.0,
        "exact": 0.25,
    }
    assert chapter.metrics["seq_free"]["aligned_share"] == 0.875
    assert chapter.trained == list(TRANSLATORS)


def test_claims_yaml_has_the_words_that_are_found_here(read):
    """A word with a slip in it would never agree."""
    claims = as_claims(read_yaml(CLAIMS_FILE), CLAIMS_FILE)
    assert {key: claims.expected("seq_attention", key) for key in SAID} == SAID
    assert set(found(read()).values()) == set(SAID.values())
