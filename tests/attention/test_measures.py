import pandas as pd
import pytest
import sacrebleu
import torch

from attention.small import SOURCE_WORDS, TARGET_WORDS, rows_of, translator_of
from regen.artifacts import END, PAD, Corpus, Pairs
from regen.attention import evaluation, measures
from regen.attention.decoding import Translations, sentence, translate
from regen.attention.evaluation import attention_map, evaluate_on
from regen.attention.measures import (
    aligned_shares,
    by_length,
    diagonal_shares,
    followed,
    steps_to_level,
    text_scores,
)
from regen.params import Translation

# ---- texts -----------------------------------------------------------------------------------------------


def test_scores_of_texts():
    """BLEU by hand: 8 of 9 words are right, 6 of 7 pairs, 4 of 5 triples, 2 of 3 in fours."""
    ours, theirs = ["a b c d e", "f g h i"], ["a b c d x", "f g h i"]
    found = text_scores(ours, theirs)
    precisions = 8 / 9, 6 / 7, 4 / 5, 2 / 3
    product = precisions[0] * precisions[1] * precisions[2] * precisions[3]
    assert found["bleu"] == pytest.approx(100 * product**0.25)
    assert found["exact"] == 0.5
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(ours, [theirs]).score)
    assert "tok:none" in found["bleu_signature"]
    assert f"version:{sacrebleu.__version__}" in found["bleu_signature"]
    assert text_scores(theirs, theirs)["bleu"] == pytest.approx(100)
    assert text_scores(theirs, theirs)["exact"] == 1


def test_short_translations_pay():
    penalised = text_scores(["a b c d"], ["a b c d e"])["bleu"]
    assert penalised == pytest.approx(100 * 2.718281828459045 ** (1 - 5 / 4))


def test_scores_by_length():
    sources = ["a a a", "a", "a a", "a a a a", "a a", "a a a"]
    targets = [f"v w x y {i}" for i in range(6)]
    ours = [*targets[:3], "z", *targets[4:]]
    found = by_length(sources, ours, targets)
    assert list(found.columns) == ["quarter", "shortest", "longest", "sentences", "bleu"]
    assert found["quarter"].tolist() == [1, 2, 3, 4]
    assert found["shortest"].tolist() == [1, 2, 3, 4]
    assert found["longest"].tolist() == [2, 3, 3, 4]
    assert found["sentences"].tolist() == [2, 2, 1, 1]
    assert found["bleu"].tolist() == [pytest.approx(100)] * 3 + [0.0]


def test_fewer_sentences_than_parts():
    assert by_length(["a", "b c"], ["x", "y"], ["x", "y"])["sentences"].tolist() == [1, 1]


# ---- attention -------------------------------------------------------------------------------------------


def test_shares_near_the_diagonal():
    """Three words to three: within one position are 2, 3 and 2 of them; and END."""
    source = target = torch.tensor([[5, 5, 5, END, PAD]])
    even = torch.tensor([0.25, 0.25, 0.25, 0.25, 0]).expand(1, 5, 5)
    shares = diagonal_shares(even, source, target)
    assert shares.found == shares.even == pytest.approx((2 + 3 + 2) / 12)
    turned = torch.eye(5).flip(1)[None].roll(-2, 2)  # the first word looks at the last one, and so on
    assert diagonal_shares(turned, source, target).found == pytest.approx(1 / 3)
    assert diagonal_shares(torch.eye(5)[None], source, target).found == pytest.approx(1)


def test_the_diagonal_is_scaled():
    """Five words to two: the diagonal of the second word is the fifth one."""
    source, target = torch.tensor([[5, 5, 5, 5, 5, END]]), torch.tensor([[5, 5, END]])
    weights = torch.zeros(1, 3, 6)
    weights[0, 0, 0], weights[0, 1, 3], weights[0, 2, 5] = 1, 1, 1
    assert diagonal_shares(weights, source, target).found == pytest.approx(1)
    weights[0, 1] = torch.tensor([0, 0, 0.5, 0.3, 0.1, 0.1])
    shares = diagonal_shares(weights, source, target)
    assert shares.found == pytest.approx((1 + 0.4) / 2)
    assert shares.even == pytest.approx((2 / 6 + 2 / 6) / 2)


def test_sentences_without_words_have_no_diagonal():
    empty = torch.tensor([[END, PAD]])
    assert diagonal_shares(torch.ones(1, 2, 2), empty, empty).found == 0


def test_shares_on_the_aligned_words():
    weights = torch.tensor([[[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]]])
    alignment, swapped = torch.tensor([[1, 1, -1]]), torch.tensor([[True, False, False]])
    found = aligned_shares(weights, alignment, swapped)
    assert found == {
        "aligned_share": pytest.approx(0.45),
        "aligned_share_swapped": pytest.approx(0.3),
        "aligned_share_rest": pytest.approx(0.6),
    }


def test_steps_to_a_level():
    history = pd.DataFrame({"step": [10, 20, 30], "valid_loss": [3.0, 1.0, 2.0]})
    assert [steps_to_level(history, level) for level in (3.5, 3.0, 2.5, 1.0)] == [10, 10, 12.5, 20]
    assert steps_to_level(history, 0.9) == "not reached"


# ---- a translator on a corpus ----------------------------------------------------------------------------


def corpus(aligned=True, count=23):
    """Return a corpus of random sentences, each word aligned with the first one of the source."""
    lengths = [1 + i % 5 for i in range(count)]
    words = [
        ["<pad>", "<s>", "</s>", "<unk>", *(f"{letter}{i}" for i in range(4, size))]
        for letter, size in (("s", SOURCE_WORDS), ("t", TARGET_WORDS))
    ]
    source, target = rows_of(lengths, SOURCE_WORDS), rows_of(lengths[::-1], TARGET_WORDS)
    texts = [
        [sentence(row, vocabulary) for row in rows]
        for rows, vocabulary in zip((source, target), words, strict=True)
    ]
    alignment = torch.where(target > END, 0, -1) if aligned else None
    swapped = torch.zeros_like(target, dtype=torch.bool) if aligned else None
    if swapped is not None:
        swapped[:, 0] = True
    pairs = Pairs(source, target, *texts, alignment, swapped)
    return Corpus("made up", {"train": pairs, "valid": pairs, "test": pairs}, *words, "made up")


HISTORY = pd.DataFrame({"step": [10, 20], "valid_loss": [3.0, 1.0]})
SETTINGS = Translation(beam=1, max_length=9, level=1.5, shown=3)


def test_a_translator_is_evaluated_on_the_test_sentences():
    made_up, translator = corpus(), translator_of()
    found = evaluate_on(made_up, translator, SETTINGS, HISTORY)
    pairs = made_up.splits["test"]
    words = translate(translator, pairs.source, 1, 9).words
    texts = [sentence(row, made_up.target_words) for row in words]
    assert found.listed["translation"].tolist() == texts[:20]
    assert found.listed["reference"].tolist() == pairs.targets[:20]
    assert found.metrics["bleu"] == text_scores(texts, pairs.targets)["bleu"]
    assert found.metrics["steps_to_level"] == 17.5
    assert found.lengths["sentences"].sum() == found.metrics["test_sentences"] == 23
    for quarter in range(1, 5):
        assert found.metrics[f"bleu_quarter_{quarter}"] == found.lengths["bleu"][quarter - 1]
    assert not [name for name in found.metrics if name.startswith("beam")]


def said(pairs, every):
    """Return the true translations, but for the first word of every so many, with even attention."""
    words = pairs.target.clone()
    words[1::every, 0] = pairs.target[1::every, 0] % 2 + END + 2  # another word
    there = (words != PAD)[:, :, None] & (pairs.source != PAD)[:, None, :]
    return Translations(words, torch.zeros(len(words)), there / there.sum(2, keepdim=True).clamp(min=1))


def test_scores_are_of_what_it_says_against_the_true_translations(monkeypatch):
    made_up, translator = corpus(), translator_of()
    pairs = made_up.splits["test"]
    narrow, wide = said(pairs, 2), said(pairs, 5)
    monkeypatch.setattr(evaluation, "translate", lambda *_: narrow)
    monkeypatch.setattr(evaluation, "widened", lambda *_: wide)
    found = evaluate_on(made_up, translator, SETTINGS.model_copy(update={"beam": 4}), HISTORY)
    texts, wider = ([sentence(row, made_up.target_words) for row in each.words] for each in (narrow, wide))
    expected, beam = text_scores(texts, pairs.targets), text_scores(wider, pairs.targets)
    assert 0 < expected["bleu"] < beam["bleu"] < 100
    assert {name: found.metrics[name] for name in expected} == expected
    assert (found.metrics["beam_bleu"], found.metrics["beam_chrf"]) == (beam["bleu"], beam["chrf"])
    quarters = by_length(pairs.sources, texts, pairs.targets)["bleu"]
    assert quarters.nunique() == 3  # two have no four right words in a row
    assert [found.metrics[f"bleu_quarter_{quarter}"] for quarter in range(1, 5)] == quarters.tolist()
    assert [each.swapped[0] for each in found.maps] == [True, False, True]


def test_a_beam_s_scores_come_beside_the_greedy_ones():
    made_up, translator = corpus(), translator_of()
    greedy = evaluate_on(made_up, translator, SETTINGS, HISTORY).metrics
    wide = evaluate_on(made_up, translator, SETTINGS.model_copy(update={"beam": 4}), HISTORY).metrics
    assert {name: wide[name] for name in greedy} == greedy
    assert set(wide) - set(greedy) == {"beam_bleu", "beam_chrf"}


def test_maps_are_of_the_words_that_are_there():
    made_up, translator = corpus(), translator_of()
    found = evaluate_on(made_up, translator, SETTINGS, HISTORY)
    assert len(found.maps) == 3
    pairs = made_up.splits["test"]
    for i, each in enumerate(found.maps):
        assert each.source == [*pairs.sources[i].split(), "</s>"]
        assert [word for word in each.translation if word != "</s>"] == found.listed["translation"][i].split()
        assert each.weights.shape == (len(each.translation), len(each.source))
        torch.testing.assert_close(each.weights.sum(1), torch.ones(len(each.translation)))
        same = each.translation[0] == [*pairs.targets[i].split(), "</s>"][0]
        assert each.swapped == [same, *[False] * (len(each.translation) - 1)]


def test_without_attention_or_alignment_there_are_no_shares():
    found = evaluate_on(corpus(), translator_of(attention="none"), SETTINGS, HISTORY)
    assert found.maps == []
    assert not [name for name in found.metrics if "share" in name]
    found = evaluate_on(corpus(aligned=False), translator_of(), SETTINGS, HISTORY)
    assert {name for name in found.metrics if "share" in name} == {"diagonal_share", "even_diagonal_share"}
    assert found.maps[0].swapped == [False] * len(found.maps[0].translation)


@pytest.mark.parametrize("batch", [1, 5, 100])
def test_attention_along_the_true_words(monkeypatch, batch):
    pairs, translator = corpus().splits["test"], translator_of()
    expected = followed(translator, pairs)
    monkeypatch.setattr(measures, "BATCH", batch)
    torch.testing.assert_close(followed(translator, pairs), expected, rtol=1e-9, atol=1e-12)
    assert (expected.sum(2) > 0.999).equal(pairs.target != PAD)


def test_a_map_of_a_sentence_of_one_s_own():
    made_up, source = corpus(), torch.tensor([4, 3, END, PAD])
    found = attention_map(made_up, source, torch.tensor([7, END, PAD]), torch.rand(3, 4))
    assert (found.source, found.translation) == (["s4", "<unk>", "</s>"], ["t7", "</s>"])
    assert found.swapped == [False, False]
    words, weights = torch.tensor([7, 8, END]), torch.rand(3, 4)
    found = attention_map(made_up, source, words, weights, "t7 t8", [True, False, True])
    assert found.swapped == [True, False, True]
