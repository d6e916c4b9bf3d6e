import pytest
import torch

from attention.small import (
    RUN,
    SOURCE_WORDS,
    TARGET_WORDS,
    literal_encoding,
    literal_steps,
    run_of,
    sentences_of,
    translator_of,
    words_of,
)
from regen.artifacts import END, PAD, START, write_tensors
from regen.attention import networks
from regen.attention.networks import Dropout, build_translator, load_translator, shifted
from regen.attention.training import predictions
from regen.attention.vocabulary import mean_loss, word_scores
from regen.errors import InputError

KINDS = [
    {"attention": attention, "bidirectional": bidirectional}
    for attention in ("additive", "none")
    for bidirectional in (False, True)
]
kinds = pytest.mark.parametrize("kind", KINDS, ids=str)


def padded(rows, more):
    return torch.cat([rows, rows.new_full((len(rows), more), PAD)], 1)


def followed(translator, sentences):
    """Return the logits of all true words, sentence by sentence, and the attention."""
    memory, real = translator.encode(sentences.source), sentences.target != PAD
    before = shifted(sentences.target)
    logits = word_scores(translator.follow(before, real, memory), translator.decoder.output)
    return logits.split(real.sum(1).tolist()), translator.attention(before, memory)


# ---- literally -------------------------------------------------------------------------------------------


@kinds
def test_the_encoder_is_a_gru_of_the_words_alone(kind):
    translator, sentences = translator_of(**kind), sentences_of()
    memory = translator.encode(sentences.source)
    for i, row in enumerate(sentences.source):
        outputs, last = literal_encoding(translator.encoder, words_of(row))
        torch.testing.assert_close(memory.outputs[i, : len(outputs)], torch.stack(outputs))
        torch.testing.assert_close(memory.last[i], last)
        assert memory.real[i].tolist() == (row != PAD).tolist()


@kinds
def test_all_steps_at_once_are_the_steps_one_by_one(kind):
    translator, sentences = translator_of(**kind), sentences_of()
    logits, attention = followed(translator, sentences)
    assert (attention is None) == (kind["attention"] == "none")
    for i, (source, target) in enumerate(zip(sentences.source, sentences.target, strict=True)):
        steps = literal_steps(translator, words_of(source), [START, *words_of(target)[:-1]])
        for t, (expected, weights) in enumerate(steps):
            torch.testing.assert_close(logits[i][t], expected)
            if attention is not None:
                torch.testing.assert_close(attention[i, t, : len(weights)], weights)


@kinds
def test_a_step_is_the_one_that_all_at_once_take(kind):
    translator, sentences = translator_of(**kind), sentences_of()
    logits, attention = followed(translator, sentences)
    memory = translator.encode(sentences.source)
    state = translator.decoder.first_state(memory)
    for t, previous in enumerate(shifted(sentences.target).T):
        step = translator.step(previous, state, memory)
        state = step.state
        for i in range(len(previous)):
            if t < len(logits[i]):
                torch.testing.assert_close(step.logits[i], logits[i][t])
                assert attention is None or torch.allclose(step.weights[i], attention[i, t])


@pytest.mark.parametrize("block", [1, 200, 1 << 30])
def test_blocks_of_sentences_change_nothing(monkeypatch, block):
    translator, sentences = translator_of(), sentences_of()
    expected = followed(translator, sentences)[0]
    monkeypatch.setattr(networks, "BLOCK", block)
    for ours, theirs in zip(followed(translator, sentences)[0], expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


# ---- padding ---------------------------------------------------------------------------------------------


@kinds
def test_a_sentence_alone_is_what_it_is_among_others_and_more_padding(kind):
    translator, sentences = translator_of(**kind), sentences_of()
    logits, attention = followed(translator, sentences)
    for i in range(len(sentences)):
        alone = sentences[torch.tensor([i])]
        alone.source.data, alone.target.data = padded(alone.source, 3), padded(alone.target, 2)
        ours, weights = followed(translator, alone)
        torch.testing.assert_close(ours[0], logits[i], rtol=1e-9, atol=1e-9)
        if attention is not None:
            width = sentences.source.shape[1]
            steps = len(logits[i])
            torch.testing.assert_close(weights[0, :steps, :width], attention[i, :steps], rtol=1e-9, atol=1e-9)


def test_attention_sums_to_one_on_words_and_is_zero_on_padding():
    translator, sentences = translator_of(), sentences_of()
    attention = followed(translator, sentences)[1]
    real = (sentences.source != PAD)[:, None].expand_as(attention)
    assert (attention[~real] == 0).all()
    assert (attention[real] > 0).all()
    torch.testing.assert_close(attention.sum(-1), torch.ones(attention.shape[:2]))


@kinds
@pytest.mark.parametrize("forced", [True, False])
def test_what_stands_for_padding_has_no_gradient(kind, forced):
    """Whatever its embedding is, even where it is no longer zero."""
    translator, sentences = translator_of(**kind).train(), sentences_of()
    embeddings = [translator.encoder.embedding, translator.decoder.embedding]
    losses = []
    for value in (0.0, 3.0):
        for embedding in embeddings:
            embedding.padding_idx = None  # torch would hide a gradient
            embedding.weight.data[PAD] = value
        translator.zero_grad()
        found = predictions(translator, sentences, forced)
        loss = mean_loss(found.features, translator.decoder.output, found.words)
        loss.backward()
        losses.append(float(loss.detach()))
        for embedding in embeddings:
            assert (embedding.weight.grad[PAD] == 0).all()
            assert (embedding.weight.grad[END + 1 :] != 0).any()
    assert losses[0] == losses[1]


def test_without_attention_only_the_last_state_is_seen():
    translator, sentences = translator_of(attention="none"), sentences_of()
    memory = translator.encode(sentences.source)
    before, real = shifted(sentences.target), sentences.target != PAD
    other = type(memory)(torch.randn_like(memory.outputs), memory.last, memory.real, None)
    assert torch.equal(translator.follow(before, real, memory), translator.follow(before, real, other))


# ---- parts -----------------------------------------------------------------------------------------------


def test_words_before_the_words():
    assert shifted(torch.tensor([[5, 6, END], [7, END, PAD]])).tolist() == [[START, 5, 6], [START, 7, END]]


def test_dropout():
    dropout, x = Dropout(0.25), torch.ones(100, 100)
    assert dropout.eval()(x) is x
    torch.manual_seed(0)
    found = dropout.train()(x)
    assert set(found.unique().tolist()) == {0.0, 1 / 0.75}
    assert float((found == 0).double().mean()) == pytest.approx(0.25, abs=0.02)
    assert Dropout(0.0).train()(x) is x


@kinds
def test_number_of_parameters(kind):
    size = 6 * (2 if kind["bidirectional"] else 1)
    gru = 3 * 6 * (5 + 6 + 2)
    encoder = SOURCE_WORDS * 5 + gru * size // 6
    decoder = TARGET_WORDS * 5 + gru + (size + 1) * 6 + (6 + size + 5 + 1) * 6 + 7 * TARGET_WORDS
    attention = (36 + (size + 1) * 6 + 6) if kind["attention"] == "additive" else 0
    built = build_translator(run_of(**kind), SOURCE_WORDS, TARGET_WORDS)
    assert sum(p.numel() for p in built.parameters()) == encoder + decoder + attention


def test_weights_are_loaded_where_they_fit(tmp_path):
    translator, path = translator_of(), tmp_path / "weights.safetensors"
    write_tensors(path, translator.state_dict())
    loaded = load_translator(RUN, SOURCE_WORDS, TARGET_WORDS, path)
    assert not loaded.training
    assert torch.equal(loaded.decoder.output.weight, translator.decoder.output.weight)
    with pytest.raises(InputError, match="not the weights of this run's networks"):
        load_translator(run_of(attention="none"), SOURCE_WORDS, TARGET_WORDS, path)
