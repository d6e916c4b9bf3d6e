"""Training of a translator: the learner, a run with one seed, and the metrics of a finished run."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.optim import SGD, Adam, Optimizer

from regen.artifacts import END, PAD, Pairs
from regen.attention.decoding import own_words, trimmed
from regen.attention.networks import Translator, build_translator, shifted
from regen.attention.vocabulary import mean_loss, word_losses
from regen.errors import InputError
from regen.params import TranslatorRun
from regen.training.grid import on_grid
from regen.training.loop import Stateful
from regen.training.modes import evaluating
from regen.training.runs import Job, Trained, last_metrics
from regen.training.schedule import Passes

EVALUATION_BATCH = 250


@dataclass(frozen=True)
class Sentences:
    """Sentences and their translations: `source` (N, S) and `target` (N, T) int64, END and then PAD last."""

    source: Tensor
    target: Tensor

    @classmethod
    def of(cls, pairs: Pairs) -> Sentences:
        """Those of a split of a corpus."""
        return cls(pairs.source, pairs.target)

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: Tensor) -> Sentences:
        """Some of the pairs."""
        return Sentences(self.source[rows], self.target[rows])

    def to(self, device: torch.device) -> Sentences:
        """The same on `device`."""
        return Sentences(self.source.to(device), self.target.to(device))

    def up_to(self, max_length: int) -> Sentences:
        """Those of at most `max_length` words in both languages; InputError where there are none."""
        lengths = torch.stack([words.gt(END).sum(1) for words in (self.source, self.target)]).amax(0)
        fits = lengths <= max_length
        if not fits.any():
            raise InputError(
                f"params.yaml: translation.max_length: {max_length}: every sentence for training is longer; "
                f"allowed: {int(lengths.min())} or more"
            )
        return self[fits]


@dataclass(frozen=True)
class Predictions:
    """True words (N,) of sentences, END included, and the features (N, H) that each is predicted from."""

    features: Tensor
    words: Tensor


def predictions(translator: Translator, sentences: Sentences, forced: bool) -> Predictions:
    """Predict all true words, after the true words before each or after the decoder's own.

    With its own words the decoder goes on for as many steps as the true translation has, whether or not it
    has ended by itself: the word of each step is compared with the true word of that step.
    """
    order = (sentences.target != PAD).sum(1).argsort(descending=True, stable=True)
    source, target = trimmed(sentences.source[order]), trimmed(sentences.target[order])
    real = target != PAD
    memory = translator.encode(source)
    before = shifted(target if forced else own_words(translator, memory, real))
    return Predictions(translator.follow(before, real, memory), target[real])


class TranslatorLearner:
    """Adam or gradient descent on the words' cross entropy, the gradient's norm clipped.

    Each batch is drawn to be fed the true words, with probability `teacher_forcing`, or the decoder's own.
    Validation is always on its own words. Batches are indices of pairs of `train`.
    """

    terms: tuple[str, ...] = ("loss",)

    def __init__(
        self,
        translator: Translator,
        run: TranslatorRun,
        train: Sentences,
        valid: Sentences,
        autocast: torch.autocast,
    ) -> None:
        self.translator, self.run = translator, run
        self.train, self.valid, self.autocast = train, valid, autocast
        self.rates = {"learning_rate": run.learning_rate}
        self.optimizer = _optimizer(run, translator)

    @property
    def rows(self) -> Tensor:
        """Data for the loop: the index (N,) of each training pair."""
        return torch.arange(len(self.train), device=self.train.source.device)

    def stateful(self) -> dict[str, Stateful]:
        """The translator and the optimizer."""
        return {"translator": self.translator, "optimizer": self.optimizer}

    def step(self, batch: Tensor) -> Tensor:
        """Take one step on the pairs of indices `batch` (B,); return the mean loss (1,), nats per word."""
        self.optimizer.zero_grad()
        forced = float(torch.rand(())) < self.run.teacher_forcing
        with self.autocast:
            found = predictions(self.translator, self.train[batch], forced)
            loss = mean_loss(found.features, self.translator.decoder.output, found.words)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.translator.parameters(), self.run.clip_norm)
        self.optimizer.step()
        return loss.detach()[None]

    def validate(self) -> dict[str, float]:
        """Loss in nats per word, and share of right words, of validation sentences."""
        return evaluate(self.translator, self.valid)

    def evaluated(self) -> Translator:
        """The translator itself."""
        return self.translator

    def snapshot(self, model: Translator) -> Tensor:  # noqa: ARG002 (as every learner's)
        """No images."""
        return torch.empty(0, 1, 1, 1, dtype=torch.uint8)


def _optimizer(run: TranslatorRun, translator: Translator) -> Optimizer:
    if run.optimizer == "sgd":
        return SGD(translator.parameters(), lr=run.learning_rate)
    return on_grid(Adam(translator.parameters(), lr=run.learning_rate, fused=True), translator)


def train(
    run: TranslatorRun, vocabularies: tuple[int, int], pairs: Sentences, valid: Sentences, job: Job
) -> Trained[TranslatorLearner]:
    """Train `run` between vocabularies of so many words, from weights by torch's random stream as it is."""
    translator = build_translator(run, *vocabularies).to(job.device)
    learner = TranslatorLearner(translator, run, pairs.to(job.device), valid.to(job.device), job.autocast)
    passes = Passes(learner.rows, run.batch_size)
    return job.fit(learner, passes, job.by_epochs(run.epochs, passes))


@torch.no_grad()
def evaluate(translator: Translator, sentences: Sentences) -> dict[str, float]:
    """Mean loss in nats per word and share of right words, each after the decoder's own words."""
    order = (sentences.target != PAD).sum(1).argsort(stable=True)
    batches = (sentences[rows] for rows in order.split(EVALUATION_BATCH))
    with evaluating(translator):
        found = [predictions(translator, batch, forced=False) for batch in batches]
        losses = [word_losses(each.features, translator.decoder.output, each.words) for each in found]
    nats, right = (torch.cat(parts).double().mean() for parts in zip(*losses, strict=True))
    return {"loss": float(nats), "accuracy": float(right)}


def summary(translator: Translator, history: pd.DataFrame) -> dict[str, float | int | str]:
    """Metrics of a finished run: its last epoch's losses, and its size."""
    return {
        "epochs": len(history),
        "parameters": sum(p.numel() for p in translator.parameters()),
        "source_words": translator.encoder.embedding.num_embeddings,
        "target_words": translator.decoder.embedding.num_embeddings,
        **last_metrics(history),
    }
