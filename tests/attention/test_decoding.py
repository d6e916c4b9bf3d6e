import pytest
import torch

from attention.small import literal_greedy, literal_steps, sentences_of, translator_of, words_of
from regen.artifacts import END, PAD, START
from regen.attention import decoding
from regen.attention.decoding import beam_search, greedy, own_words, sentence, translate, trimmed

LONGEST = 9
SEEDS = range(6)
kinds = pytest.mark.parametrize("attention", ["additive", "none"])


def same(ours, theirs):
    """Hold two translations to be equal, but for padding."""
    for own, other in zip(ours.words, theirs.words, strict=True):
        assert words_of(own) == words_of(other)
    torch.testing.assert_close(ours.scores, theirs.scores, rtol=1e-9, atol=1e-9)
    assert (ours.weights is None) == (theirs.weights is None)
    if ours.weights is not None:
        for own, other in zip(ours.weights, theirs.weights, strict=True):
            t, s = (min(sizes) for sizes in zip(own.shape, other.shape, strict=True))
            torch.testing.assert_close(own[:t, :s], other[:t, :s], rtol=1e-9, atol=1e-9)
            assert own[t:].sum() == other[t:].sum() == own[:, s:].sum() == other[:, s:].sum() == 0


@kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_is_the_most_probable_word_at_each_step(attention, seed):
    translator, source = translator_of(seed, attention=attention), sentences_of(seed=seed).source
    found = greedy(translator, source, LONGEST)
    for i, row in enumerate(source):
        words, score, weights = literal_greedy(translator, words_of(row), LONGEST)
        assert words_of(found.words[i]) == words
        assert float(found.scores[i]) == pytest.approx(score, rel=1e-9)
        if found.weights is not None:
            torch.testing.assert_close(
                found.weights[i, : len(weights), : len(words_of(row))], torch.stack(weights)
            )


def test_some_translations_end_and_some_are_cut():
    """Else the tests here would test less than they say."""
    ends = [
        (greedy(translator_of(seed), sentences_of(seed=seed).source, LONGEST).words == END).any(1)
        for seed in SEEDS
    ]
    assert 0.1 < float(torch.cat(ends).double().mean()) < 0.9


@kinds
@pytest.mark.parametrize("seed", SEEDS)
def test_a_beam_of_one_is_greedy(attention, seed):
    translator, source = translator_of(seed, attention=attention), sentences_of(seed=seed).source
    same(beam_search(translator, source, 1, LONGEST), greedy(translator, source, LONGEST))
    same(translate(translator, source, 1, LONGEST), greedy(translator, source, LONGEST))


def mean_log_probability(translator, source, words):
    total = 0.0
    for (logits, _), word in zip(literal_steps(translator, source, [START, *words[:-1]]), words, strict=True):
        logits[[PAD, START]] = -torch.inf
        total += float(logits.log_softmax(-1)[word])
    return total / len(words)


@kinds
@pytest.mark.parametrize("width", [2, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_beam_s_score_is_that_of_its_words_and_never_below_greedy(attention, width, seed):
    translator, source = translator_of(seed, attention=attention), sentences_of(seed=seed).source
    found = translate(translator, source, width, LONGEST)
    assert (found.scores >= greedy(translator, source, LONGEST).scores - 1e-12).all()
    for i, row in enumerate(source):
        expected = mean_log_probability(translator, words_of(row), words_of(found.words[i]))
        assert float(found.scores[i]) == pytest.approx(expected, rel=1e-9)


def test_a_wider_beam_finds_better_ones():
    gains = []
    for seed in SEEDS:
        translator, source = translator_of(seed), sentences_of(seed=seed).source
        scores = [translate(translator, source, width, LONGEST).scores for width in (1, 5)]
        gains.append(float((scores[1] - scores[0]).mean()))
    assert max(gains) > 0.01


def test_a_beam_over_everything_finds_the_best_of_all():
    """With so few steps that all beginnings fit."""
    translator, source = translator_of(), sentences_of().source[:2]
    found = beam_search(translator, source, 11 * 11, 2)
    words = range(END, 13)
    for i, row in enumerate(source):
        every = [[END], *([first, second] for first in words if first != END for second in words)]
        best = max(every, key=lambda each: mean_log_probability(translator, words_of(row), each))
        assert words_of(found.words[i]) == best


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("batch", [1, 4])
def test_translations_do_not_depend_on_batches(monkeypatch, width, batch):
    translator, source = translator_of(), sentences_of(count=11).source
    expected = translate(translator, source, width, LONGEST)
    monkeypatch.setattr(decoding, "BATCH", batch)
    same(translate(translator, source, width, LONGEST), expected)


def test_attention_of_translations_is_on_words_alone():
    source = sentences_of().source
    for width in (1, 3):
        found = translate(translator_of(), source, width, LONGEST)
        total = found.weights.sum(-1)
        torch.testing.assert_close(total, (found.words != PAD).to(total.dtype))
        assert (found.weights.sum(1)[source == PAD] == 0).all()


def test_own_words_are_those_of_greedy_decoding_that_does_not_stop():
    translator, sentences = translator_of(), sentences_of()
    order = (sentences.target != PAD).sum(1).argsort(descending=True)
    source, target = sentences.source[order], sentences.target[order]
    found = own_words(translator, translator.encode(source), target != PAD)
    for row, theirs, own in zip(source, target, found, strict=True):
        words, _, _ = literal_greedy(translator, words_of(row), len(words_of(theirs)))
        assert words_of(own)[: len(words)] == words
        assert ((own != PAD) == (theirs != PAD)).all()


def test_sentences_in_words():
    vocabulary = ["<pad>", "<s>", "</s>", "<unk>", "a", "b"]
    assert sentence(torch.tensor([4, 5, 3, END, PAD]), vocabulary) == "a b <unk>"
    assert sentence(torch.tensor([5, 5]), vocabulary) == "b b"
    assert sentence(torch.tensor([END]), vocabulary) == ""
    assert trimmed(torch.tensor([[4, END, PAD, PAD], [END, PAD, PAD, PAD]])).tolist() == [
        [4, END],
        [END, PAD],
    ]
