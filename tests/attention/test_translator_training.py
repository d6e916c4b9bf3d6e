import math
from itertools import chain

import pandas as pd
import pytest
import torch

from attention.small import (
    RUN,
    SOURCE_WORDS,
    TARGET_WORDS,
    learnable,
    literal_steps,
    run_of,
    sentences_of,
    translator_of,
    words_of,
)
from regen.artifacts import PAD, START
from regen.attention import training
from regen.attention.networks import build_translator
from regen.attention.training import Sentences, TranslatorLearner, evaluate, predictions, summary
from regen.attention.vocabulary import mean_loss, word_losses
from regen.errors import InputError, RunError
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, set_precision
from training.toy import fit_epochs, stopped_at

CPU = torch.device("cpu")
TRAIN, VALID = learnable(40), learnable(15, seed=1)
STEPS = 5  # an epoch, of 8 pairs each


def learner_of(init=0, precision="float64", train=TRAIN, **changes):
    run = run_of(**changes)
    torch.manual_seed(init)
    translator = build_translator(run, SOURCE_WORDS, TARGET_WORDS)
    return TranslatorLearner(translator, run, train, VALID, autocast(precision, CPU))


def fit(learner, folder, epochs=3):
    return fit_epochs(
        learner, learner.rows, Checkpoint(folder), epochs=epochs, batch_size=RUN.batch_size, save_every=1
    )


def weights(learner):
    return torch.cat([parameter.detach().flatten() for parameter in learner.translator.parameters()])


# ---- losses ----------------------------------------------------------------------------------------------


def losses_of(translator, sentences, forced):
    """Return nats and hits of all true words."""
    found = predictions(translator, sentences, forced)
    return word_losses(found.features, translator.decoder.output, found.words)


def literal_losses(translator, source, target, forced):
    """Return nats and hits of each true word of a sentence, one step after another."""
    previous, nats, right = [START], [], []
    for (logits, _), word in zip(literal_steps(translator, source, previous), target, strict=False):
        nats.append(float(-logits.log_softmax(-1)[word]))
        right.append(int(logits.argmax()) == word)
        logits[[PAD, START]] = -torch.inf
        previous.append(word if forced else int(logits.argmax()))
    return nats, right


@pytest.mark.parametrize("attention", ["additive", "none"])
@pytest.mark.parametrize("forced", [True, False])
def test_losses_are_those_of_the_words_step_by_step(attention, forced):
    translator, sentences = translator_of(attention=attention), sentences_of()
    order = (sentences.target != PAD).sum(1).argsort(descending=True, stable=True)
    nats, right = losses_of(translator, sentences, forced)
    expected = [
        literal_losses(translator, words_of(sentences.source[i]), words_of(sentences.target[i]), forced)
        for i in order
    ]
    torch.testing.assert_close(
        nats, torch.tensor([*chain(*(each for each, _ in expected))]), rtol=1e-9, atol=1e-9
    )
    assert right.tolist() == [*chain(*(each for _, each in expected))]


def test_forced_and_own_words_differ():
    translator, sentences = translator_of(), sentences_of()
    forced, own = (losses_of(translator, sentences, each)[0] for each in (True, False))
    assert not torch.allclose(forced, own)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_validation_is_the_mean_over_words_of_own_decoding(monkeypatch, size):
    monkeypatch.setattr(training, "EVALUATION_BATCH", size)
    translator, sentences = translator_of().train(), sentences_of()
    found = evaluate(translator, sentences)
    nats, right = losses_of(translator, sentences, forced=False)
    assert found["loss"] == pytest.approx(float(nats.mean()), rel=1e-9)
    assert found["accuracy"] == pytest.approx(float(right.double().mean()))
    assert translator.training


def test_validation_has_no_dropout():
    found = [evaluate(translator_of(dropout=dropout).train(), VALID) for dropout in (0.0, 0.9)]
    assert found[0] == found[1]


# ---- a step ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("teacher_forcing", "expected"), [(0.0, 0), (1.0, 200), (0.3, 60)])
def test_teacher_forcing_is_drawn_per_batch(monkeypatch, teacher_forcing, expected):
    drawn = []

    def noted(translator, sentences, forced):
        drawn.append(forced)
        return predictions(translator, sentences, forced=True)

    monkeypatch.setattr(training, "predictions", noted)
    learner = learner_of(teacher_forcing=teacher_forcing)
    torch.manual_seed(0)
    for _ in range(200):
        learner.step(torch.tensor([0]))
    assert sum(drawn) == pytest.approx(expected, abs=20 if 0 < teacher_forcing < 1 else 0)


@pytest.mark.parametrize("clip_norm", [1e-3, 0.1, 1e9])
def test_gradient_descent_takes_a_clipped_step(clip_norm):
    learner = learner_of(optimizer="sgd", learning_rate=0.5, clip_norm=clip_norm, teacher_forcing=1.0)
    before, batch = weights(learner), torch.tensor([3, 1, 4])
    found = predictions(learner.translator, TRAIN[batch], forced=True)
    loss = mean_loss(found.features, learner.translator.decoder.output, found.words)
    gradient = torch.cat(
        [g.flatten() for g in torch.autograd.grad(loss, list(learner.translator.parameters()))]
    )
    assert torch.equal(learner.step(batch), loss.detach()[None])
    expected = gradient * min(1.0, clip_norm / float(gradient.norm()))
    torch.testing.assert_close(before - weights(learner), 0.5 * expected, rtol=1e-4, atol=1e-12)


def test_every_weight_learns():
    learner = learner_of(teacher_forcing=1.0)
    before = [parameter.detach().clone() for parameter in learner.translator.parameters()]
    for _ in range(3):
        learner.step(learner.rows)
    for parameter, was in zip(learner.translator.parameters(), before, strict=True):
        assert not torch.equal(parameter, was)


# ---- the loop --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    learner = learner_of(dropout=0.2)
    return learner, fit(learner, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("at", [1, 7, 14])
def test_stopped_and_resumed_equals_uninterrupted(whole, tmp_path, at):
    with pytest.raises(KeyboardInterrupt):
        fit(stopped_at(learner_of(dropout=0.2), at), tmp_path)
    resumed = learner_of(dropout=0.2, init=99 if at > STEPS else 0)
    fitted = fit(resumed, tmp_path)
    pd.testing.assert_frame_equal(fitted.table, whole[1].table, check_exact=True)
    assert torch.equal(weights(resumed), weights(whole[0]))


def test_it_learns_to_turn_sentences_round(tmp_path):
    learner = learner_of(train=learnable(400, seed=2), learning_rate=0.02, hidden=16, bidirectional=True)
    table = fit(learner, tmp_path, epochs=8).table
    assert list(table.columns) == ["epoch", "train_loss", "valid_loss", "valid_accuracy"]
    assert table["valid_loss"].iloc[0] > 1.2
    assert table["valid_loss"].iloc[-1] < 0.6
    assert table["valid_accuracy"].iloc[-1] > 0.8


def test_a_step_size_that_is_too_large(tmp_path):
    with pytest.raises(RunError, match=r"^toy: .* is not finite at step \d+ .*learning_rate 1e\+308"):
        fit(learner_of(learning_rate=1e308), tmp_path)


def test_weights_of_adam_are_on_the_grid():
    learner = learner_of(learning_rate=2.0**-5)
    learner.step(learner.rows)
    points = weights(learner) * 128 * 2**5
    assert torch.equal(points, points.round())


def test_the_summary_of_a_run(whole):
    learner, fitted = whole
    said = summary(learner.translator, fitted.table.assign(step=0))
    last = fitted.table.iloc[-1]
    assert said == {
        "epochs": 3,
        "parameters": weights(learner).numel(),
        "source_words": SOURCE_WORDS,
        "target_words": TARGET_WORDS,
        **{name: last[name] for name in ("train_loss", "valid_loss", "valid_accuracy")},
    }
    assert math.isfinite(said["valid_loss"])


# ---- sentences -------------------------------------------------------------------------------------------


def test_long_sentences_are_left_out():
    sentences = sentences_of(count=30)
    kept = sentences.up_to(4)
    lengths = [
        max(len(words_of(a)), len(words_of(b))) - 1
        for a, b in zip(sentences.source, sentences.target, strict=True)
    ]
    assert len(kept) == sum(length <= 4 for length in lengths) < 30
    assert len(sentences.up_to(7)) == 30
    told = "every sentence for training is longer; allowed: 4 or more"
    with pytest.raises(InputError, match=rf"^params.yaml: translation.max_length: 1: {told}$"):
        Sentences(sentences.source[:, :9], torch.full((30, 4), 5)).up_to(1)


@pytest.mark.parametrize("teacher_forcing", [0.0, 1.0])
def test_half_precision_is_near(teacher_forcing):
    set_precision("float32", CPU)
    losses = [
        learner_of(precision=precision, teacher_forcing=teacher_forcing, bidirectional=True).step(
            TRAIN.source[:, 0] * 0
        )
        for precision in ("float32", "bfloat16")
    ]
    assert losses[1].dtype == torch.float32
    assert float(losses[0]) != float(losses[1])
    assert float(losses[0]) == pytest.approx(float(losses[1]), abs=0.1)
