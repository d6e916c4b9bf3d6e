"""Decoding of a translator's own words: greedily, and by beam search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regen.artifacts import END, PAD, START
from regen.attention.networks import Memory, Translator
from regen.training.device import cast

BATCH = 250
"""Sentences that are translated at once."""


@dataclass(frozen=True)
class Translations:
    """Translations of B sentences, of up to T words."""

    words: Tensor
    """(B, T), PAD after END; without END where the length ran out."""
    scores: Tensor
    """Mean log-probability of the words, END included, (B,) nats."""
    weights: Tensor | None
    """Attention (B, T, S): 0 at PAD in both languages; None without attention."""

    def __getitem__(self, rows: Tensor) -> Translations:
        """Some of the translations."""
        weights = None if self.weights is None else self.weights[rows]
        return Translations(self.words[rows], self.scores[rows], weights)


def log_probabilities(logits: Tensor) -> Tensor:
    """Of the next word (..., words), which is neither PAD nor START."""
    return cast(_allowed(logits)).log_softmax(-1)


def _allowed(logits: Tensor) -> Tensor:
    """`logits` (..., words), changed in place to be those of words that may come next."""
    logits[..., [PAD, START]] = -torch.inf
    return logits


@torch.no_grad()
def own_words(translator: Translator, memory: Memory, real: Tensor) -> Tensor:
    """Most probable words (B, T), each fed back, for as many steps as `real` (B, T) is True.

    The sentences are sorted by falling length, so that only the first ones are still at work at each step. In
    training each step has a dropout of its own, as has the pass that is scored: these need not be its words.
    """
    words = real.new_full(real.shape, PAD, dtype=torch.long)
    state, previous = translator.decoder.first_state(memory), torch.full_like(words[:, 0], START)
    for t, count in enumerate(real.sum(0).tolist()):
        step = translator.step(previous[:count], state[:count], memory[:count])
        state, previous = step.state, _allowed(step.logits).max(-1).indices  # faster than argmax
        words[:count, t] = previous
    return words


@torch.no_grad()
def greedy(translator: Translator, source: Tensor, max_length: int) -> Translations:
    """Take the most probable word at each step, until END or `max_length` words, for `source` (B, S)."""
    memory = translator.encode(source)
    state, previous = translator.decoder.first_state(memory), torch.full_like(source[:, 0], START)
    alive = torch.ones_like(previous, dtype=torch.bool)
    total, lengths = cast(torch.zeros_like(previous)), torch.zeros_like(previous)
    words, weights = [], []
    for _ in range(max_length):
        step = translator.step(previous, state, memory)
        gain, best = log_probabilities(step.logits).max(-1)
        state, previous = step.state, best.masked_fill(~alive, PAD)
        total, lengths = total + gain * alive, lengths + alive
        words.append(previous)
        if step.weights is not None:
            weights.append(step.weights * alive[:, None])
        alive = alive & (previous != END)
        if not alive.any():
            break
    return Translations(torch.stack(words, 1), total / lengths, torch.stack(weights, 1) if weights else None)


@torch.no_grad()
def beam_search(translator: Translator, source: Tensor, width: int, max_length: int) -> Translations:
    """Keep the `width` best beginnings for `source` (B, S) at each step, by mean log-probability of words.

    Those that ended stay among them, until all have or `max_length` is reached. A width of 1 is `greedy`; a
    wider search may lose the greedy translation.
    """
    count = len(source)
    memory = translator.encode(source)[torch.arange(count, device=source.device).repeat_interleave(width)]
    beams = _Beams.start(translator.decoder.first_state(memory).unflatten(0, (count, width)))
    for _ in range(max_length):
        step = translator.step(beams.previous.flatten(), beams.state.flatten(0, 1), memory)
        beams = beams.extended(step.state, log_probabilities(step.logits), step.weights)
        if beams.ended.all():
            break
    weights = torch.stack(beams.weights, 2)[:, 0] if beams.weights else None
    return Translations(torch.stack(beams.words, 2)[:, 0], beams.scores[:, 0], weights)


@dataclass(frozen=True)
class _Beams:
    """Beginnings of translations: W of each of B sentences, best first."""

    words: list[Tensor]
    """By step, (B, W)."""
    weights: list[Tensor]
    """Likewise (B, W, S)."""
    state: Tensor
    """(B, W, H)."""
    previous: Tensor
    """(B, W)."""
    total: Tensor
    """Log-probabilities (B, W)."""
    lengths: Tensor
    """(B, W)."""

    @classmethod
    def start(cls, state: Tensor) -> _Beams:
        """W empty beginnings, of which all but one are impossible: else all were the same."""
        total = state.new_full(state.shape[:2], -torch.inf)
        total[:, 0] = 0
        previous = torch.full_like(total, START, dtype=torch.long)
        return cls([], [], state, previous, total, torch.zeros_like(previous))

    @property
    def ended(self) -> Tensor:
        """(B, W)."""
        return (self.previous == END) | (self.previous == PAD)

    @property
    def scores(self) -> Tensor:
        """Mean log-probabilities (B, W)."""
        return self.total / self.lengths

    def extended(self, state: Tensor, gains: Tensor, weights: Tensor | None) -> _Beams:
        """Best beginnings that are one word longer, or ended; `gains` (B * W, words) are of that word."""
        count, width = self.total.shape
        gains = gains.unflatten(0, (count, width)).masked_fill(self.ended[..., None], -torch.inf)
        gains[..., PAD].masked_fill_(self.ended, 0)
        totals, lengths = self.total[..., None] + gains, self.lengths + ~self.ended
        best = (totals / lengths[..., None]).flatten(1).topk(width).indices
        parent, word = best // gains.shape[-1], best % gains.shape[-1]

        def of_parent(x: Tensor) -> Tensor:
            index = parent.reshape(count, width, *[1] * (x.ndim - 2))
            return x.gather(1, index.expand(-1, -1, *x.shape[2:]))

        alive = ~of_parent(self.ended)
        new = [] if weights is None else [of_parent(weights.unflatten(0, (count, width))) * alive[..., None]]
        return _Beams(
            [*map(of_parent, self.words), word],
            [*map(of_parent, self.weights), *new],
            of_parent(state.unflatten(0, (count, width))),
            word,
            totals.flatten(1).gather(1, best),
            of_parent(lengths),
        )


def translate(translator: Translator, source: Tensor, beam: int, max_length: int) -> Translations:
    """Translate all of `source` (N, S): greedily, and with a beam of several by `widened`, too."""
    narrow = _in_batches(source, lambda rows: greedy(translator, rows, max_length))
    return narrow if beam == 1 else widened(translator, source, narrow, beam, max_length)


def widened(
    translator: Translator, source: Tensor, narrow: Translations, beam: int, max_length: int
) -> Translations:
    """Of greedy translations, `narrow`, and those of beam search the better ones, by their scores.

    So a wider search is never worse.
    """
    wide = _in_batches(source, lambda rows: beam_search(translator, rows, beam, max_length))
    rows = torch.arange(len(source), device=source.device)
    return _joined([narrow, wide])[rows + len(rows) * (wide.scores > narrow.scores)]


def _in_batches(source: Tensor, decode: Callable[[Tensor], Translations]) -> Translations:
    """Decode all of `source` (N, S), in batches of sentences of like lengths."""
    order = (source != PAD).sum(1).argsort(stable=True)
    return _joined([decode(trimmed(source[rows])) for rows in order.split(BATCH)])[order.argsort()]


def _joined(parts: Sequence[Translations]) -> Translations:
    """Translations of several batches as one batch."""
    weights = [part.weights for part in parts if part.weights is not None]
    scores = torch.cat([part.scores for part in parts])
    return Translations(
        _padded([part.words for part in parts]), scores, _padded(weights) if weights else None
    )


def _padded(parts: Sequence[Tensor]) -> Tensor:
    """Tensors (B, ...) of several sizes as one; the shorter end in zeros, which among words is PAD."""
    sizes = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
    whole = parts[0].new_zeros(sum(map(len, parts)), *sizes)
    for rows, part in zip(whole.split([len(part) for part in parts]), parts, strict=True):
        rows[(slice(None), *map(slice, part.shape[1:]))] = part
    return whole


def trimmed(words: Tensor) -> Tensor:
    """`words` (B, L) without columns of PAD alone at the end."""
    return words[:, : int((words != PAD).sum(1).max())]


def sentence(words: Tensor, vocabulary: Sequence[str]) -> str:
    """The words (T,) before END or PAD, joined by blanks."""
    indices = words.tolist()
    ends = [at for at, index in enumerate(indices) if index in (END, PAD)]
    return " ".join(vocabulary[index] for index in indices[: min(ends, default=len(indices))])
