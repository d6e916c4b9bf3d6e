"""GRU encoder and decoder that translate, with additive attention or without.

In the shapes, B is the number of sentences, S and T those of source and target words, END and PAD included;
N counts the target words of all sentences without PAD, sentence by sentence.

References:
    Neural Machine Translation by Jointly Learning to Align and Translate (Bahdanau, Cho and Bengio, 2015):
    additive attention, appendix A.1.2.
    Effective Approaches to Attention-based Neural Machine Translation (Luong, Pham and Manning, 2015): a
    decoder that attends with the state after the previous word, so that all steps can be computed at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from regen.artifacts import PAD, START, load_weights
from regen.attention.vocabulary import word_scores
from regen.params import TranslatorRun
from regen.training.device import cast

BLOCK = 1 << 21
"""Numbers, at most, that attention compares at once: they stay in a processor's cache."""


@dataclass(frozen=True)
class Memory:
    """What the decoder knows of B source sentences; C is the size of the encoder's outputs."""

    outputs: Tensor
    """(B, S, C)."""
    last: Tensor
    """The encoder's last states (B, C)."""
    real: Tensor
    """False at PAD (B, S)."""
    keys: Tensor | None
    """U h of each output h (B, S, A); None without attention."""

    def __getitem__(self, rows: slice | Tensor) -> Memory:
        """Some of the sentences."""
        keys = None if self.keys is None else self.keys[rows]
        return Memory(self.outputs[rows], self.last[rows], self.real[rows], keys)

    def up_to(self, words: int) -> Memory:
        """The first `words` of each sentence."""
        keys = None if self.keys is None else self.keys[:, :words]
        return Memory(self.outputs[:, :words], self.last, self.real[:, :words], keys)

    def split(self, size: int) -> list[Memory]:
        """Parts of `size` sentences, whose gradients are joined once; those of slices are added up."""
        outputs, last, real = self.outputs.split(size), self.last.split(size), self.real.split(size)
        keys = [None] * len(real) if self.keys is None else self.keys.split(size)
        return [Memory(*parts) for parts in zip(outputs, last, real, keys, strict=True)]


class Dropout(nn.Module):
    """Dropout that draws the same numbers on every processor, unlike torch's own, which is up to MKL."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        """Zero each number with the probability, and scale the others, in training only."""
        if not self.training or self.probability == 0:
            return x
        kept = torch.rand_like(x) >= self.probability
        return x * kept / (1 - self.probability)


class Encoder(nn.Module):
    """Embedding and GRU of the source words, one-way or in both directions."""

    def __init__(self, words: int, embedding: int, hidden: int, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding, padding_idx=PAD)
        self.dropout = Dropout(dropout)
        directions = 2 if bidirectional else 1
        self.grus = nn.ModuleList(nn.GRU(embedding, hidden, batch_first=True) for _ in range(directions))
        self.size = directions * hidden

    def forward(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, S, C) and last states (B, C) of `source` (B, S).

        The second direction reads each sentence from END on, so that neither passes padding before words.
        """
        embedded, lengths = self.dropout(self.embedding(source)), (source != PAD).sum(1)
        forward, *backward = self.grus
        outputs = [forward(embedded)[0]]
        last = [_last(outputs[0], lengths)]
        for gru in backward:
            found = gru(_reversed(embedded, lengths))[0]
            outputs.append(_reversed(found, lengths))
            last.append(_last(found, lengths))
        return torch.cat(outputs, -1), torch.cat(last, -1)


def _last(x: Tensor, lengths: Tensor) -> Tensor:
    """Of each of x (B, L, D) what is at the end of its length: (B, D)."""
    return x[torch.arange(len(x), device=x.device), lengths - 1]


def _reversed(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the first `lengths` (B,) of each of x (B, L, D); what follows them is arbitrary."""
    positions = lengths[:, None] - 1 - torch.arange(x.shape[1], device=x.device)
    return x.gather(1, positions.clamp(min=0)[..., None].expand_as(x))


class AdditiveAttention(nn.Module):
    """score(s, h) = v . tanh(W s + U h + b), softmax over the source words."""

    def __init__(self, hidden: int, size: int) -> None:
        super().__init__()
        self.W = nn.Linear(hidden, hidden, bias=False)
        self.U = nn.Linear(size, hidden)
        self.v = nn.Linear(hidden, 1, bias=False)

    def forward(self, states: Tensor, memory: Memory) -> Tensor:
        """Weights (B, T, S) of the source words for `states` (B, T, H): 0 at PAD."""
        assert memory.keys is not None
        scores = self.v(torch.tanh(self.W(states)[:, :, None] + memory.keys[:, None])).squeeze(-1)
        return cast(scores).masked_fill(~memory.real[:, None], -torch.inf).softmax(-1)


class Decoder(nn.Module):
    """Embedding and GRU of the target words so far, the context of the source, and scores of the next word.

    With attention the context is the mean of the encoder's outputs, weighted; without, the encoder's last
    state, at every step.
    """

    def __init__(
        self, words: int, embedding: int, hidden: int, size: int, attends: bool, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding, padding_idx=PAD)
        self.dropout = Dropout(dropout)
        self.start = nn.Linear(size, hidden)
        self.gru = nn.GRU(embedding, hidden, batch_first=True)
        self.attention = AdditiveAttention(hidden, size) if attends else None
        self.readout = nn.Linear(hidden + size + embedding, hidden)
        self.output = nn.Linear(hidden, words)

    def remember(self, outputs: Tensor, last: Tensor, real: Tensor) -> Memory:
        """What the encoder gave, with U h, which is the same at every step."""
        return Memory(outputs, last, real, self.attention.U(outputs) if self.attention else None)

    def first_state(self, memory: Memory) -> Tensor:
        """State before the first word (B, H)."""
        return torch.tanh(self.start(memory.last))

    def context(self, states: Tensor, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """Contexts (B, T, C) for `states` (B, T, H), and with attention its weights (B, T, S)."""
        if self.attention is None:
            return memory.last[:, None].expand(-1, states.shape[1], -1), None
        weights = self.attention(states, memory)
        return weights.to(memory.outputs.dtype) @ memory.outputs, weights

    def features(self, states: Tensor, contexts: Tensor, embedded: Tensor) -> Tensor:
        """What the next word is predicted from (..., H), by `output`."""
        return self.dropout(torch.tanh(self.readout(torch.cat([states, contexts, embedded], -1))))


@dataclass(frozen=True)
class Step:
    """One step of the decoder, of B sentences."""

    state: Tensor
    """(B, H)."""
    logits: Tensor
    """Of the next word (B, words)."""
    weights: Tensor | None
    """Of the source words (B, S); None without attention."""


class Translator(nn.Module):
    """Encoder and decoder."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, source: Tensor) -> Memory:
        """Read `source` (B, S)."""
        outputs, last = self.encoder(source)
        return self.decoder.remember(outputs, last, source != PAD)

    def step(self, previous: Tensor, state: Tensor, memory: Memory) -> Step:
        """Go on from `state` (B, H) after the word `previous` (B,); the logits have no gradient."""
        decoder = self.decoder
        embedded = decoder.dropout(decoder.embedding(previous))[:, None]
        states, _ = decoder.gru(embedded, state[None])
        contexts, weights = decoder.context(states, memory)
        logits = word_scores(decoder.features(states[:, 0], contexts[:, 0], embedded[:, 0]), decoder.output)
        return Step(states[:, 0], logits, None if weights is None else weights[:, 0])

    def follow(self, previous: Tensor, real: Tensor, memory: Memory) -> Tensor:
        """Features (N, H) of the next words at all steps at once, where the words before are known.

        `previous` (B, T) begins with START; `real` (B, T) is False after a sentence's END. Padding is left
        out, for the products with the vocabulary above all; sentences sorted by length have less of it.
        """
        states, embedded = self._states(previous, memory)
        contexts = []
        for own, kept, part in _blocks(states, real, memory):
            steps, words = _longest(kept), _longest(part.real)
            found, _ = self.decoder.context(own[:, :steps], part.up_to(words))
            contexts.append(found[kept[:, :steps]])
        return self.decoder.features(states[real], torch.cat(contexts), embedded[real])

    def attention(self, previous: Tensor, memory: Memory) -> Tensor | None:
        """Weights (B, T, S) of the source words at all steps of `follow`; None without attention."""
        states, _ = self._states(previous, memory)
        return self.decoder.context(states, memory)[1]

    def _states(self, previous: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """States (B, T, H) and embedded previous words (B, T, E)."""
        decoder = self.decoder
        embedded = decoder.dropout(decoder.embedding(previous))
        states, _ = decoder.gru(embedded, decoder.first_state(memory)[None])
        return states, embedded


def shifted(target: Tensor) -> Tensor:
    """Words before those of `target` (B, T): START, then all but the last."""
    return torch.cat([torch.full_like(target[:, :1], START), target[:, :-1]], 1)


def _longest(real: Tensor) -> int:
    return int(real.sum(1).max())


def _blocks(states: Tensor, real: Tensor, memory: Memory) -> Iterator[tuple[Tensor, Tensor, Memory]]:
    """Sentences whose attention is computed at once: their states, steps and memory."""
    size = max(1, BLOCK // (states.shape[1] * memory.real.shape[1] * states.shape[2]))
    return zip(states.split(size), real.split(size), memory.split(size), strict=True)


def build_translator(run: TranslatorRun, source_words: int, target_words: int) -> Translator:
    """Freshly initialised translator of `run`, between vocabularies of so many words."""
    encoder = Encoder(source_words, run.embedding, run.hidden, run.bidirectional, run.dropout)
    attends = run.attention == "additive"
    decoder = Decoder(target_words, run.embedding, run.hidden, encoder.size, attends, run.dropout)
    return Translator(encoder, decoder)


def load_translator(run: TranslatorRun, source_words: int, target_words: int, weights: Path) -> Translator:
    """Trained translator of `run`; InputError where `weights` are absent or of another architecture."""
    translator = build_translator(run, source_words, target_words)
    load_weights(translator, weights)
    return translator.eval()
