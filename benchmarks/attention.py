"""Time the training of `seq_attention` on sentences like multi30k's, against loops as tutorials write them.

    python -m benchmarks.attention

The sentences are random, as long as multi30k's and from vocabularies of its sizes: the time does not depend
on what they say.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.timing import HEADING, Timing, compare
from regen.artifacts import END, PAD, START
from regen.attention.decoding import trimmed
from regen.attention.networks import build_translator
from regen.attention.training import Sentences, TranslatorLearner
from regen.params import TranslatorRun, read_params
from regen.training.checkpoint import Checkpoint
from regen.training.device import autocast, has_bfloat16, keep_freed_memory
from regen.training.loop import fit
from regen.training.schedule import Passes, Schedule

PAIRS = 29_000
MEASURED, PLAIN_BATCHED, PLAIN = 3_200, 1_600, 32
"""Pairs that the loops are timed on; times are scaled to PAIRS, as each pair costs the same."""
SOURCE_WORDS, TARGET_WORDS = 5_900, 6_500
CPU = torch.device("cpu")


def sentences(count: int) -> Sentences:
    """Random pairs of about 13 words, 35 at most; the two of a pair are alike in length."""
    generator = torch.Generator().manual_seed(0)
    lengths = (13 + 4 * torch.randn(count, generator=generator)).clamp(4, 35)
    others = (lengths + 2 * torch.randn(count, generator=generator)).clamp(4, 35)
    sides = []
    for length, words in ((lengths.long(), SOURCE_WORDS), (others.long(), TARGET_WORDS)):
        rows = torch.randint(END + 1, words, (count, 36), generator=generator)
        positions = torch.arange(36)
        rows[positions == length[:, None]] = END
        rows[positions > length[:, None]] = PAD
        sides.append(rows)
    return Sentences(*sides)


class PlainTranslator(nn.Module):
    """The same layers, called step by step, over all of a batch and its padding."""

    def __init__(self, run: TranslatorRun) -> None:
        super().__init__()
        size, hidden = 2 * run.hidden, run.hidden
        self.source_embedding = nn.Embedding(SOURCE_WORDS, run.embedding)
        self.target_embedding = nn.Embedding(TARGET_WORDS, run.embedding)
        self.dropout = nn.Dropout(run.dropout)
        self.encoder = nn.GRU(run.embedding, hidden, batch_first=True, bidirectional=True)
        self.start = nn.Linear(size, hidden)
        self.decoder = nn.GRU(run.embedding, hidden, batch_first=True)
        self.W, self.U, self.v = nn.Linear(hidden, hidden), nn.Linear(size, hidden), nn.Linear(hidden, 1)
        self.readout = nn.Linear(hidden + size + run.embedding, hidden)
        self.output = nn.Linear(hidden, TARGET_WORDS)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and first state of the decoder."""
        outputs, last = self.encoder(self.dropout(self.source_embedding(source)))
        return outputs, torch.tanh(self.start(last.transpose(0, 1).flatten(1)))[None]

    def step(self, word: Tensor, state: Tensor, outputs: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and state after `word` (B, 1)."""
        embedded = self.dropout(self.target_embedding(word))
        states, state = self.decoder(embedded, state)
        scores = self.v(torch.tanh(self.W(states) + self.U(outputs))).squeeze(-1)
        weights = scores.masked_fill(source == PAD, -torch.inf).softmax(-1)
        context = weights[:, None] @ outputs
        features = torch.tanh(self.readout(torch.cat([states, context, embedded], -1)))
        return self.output(self.dropout(features))[:, 0], state


def train_plainly(pairs: Sentences, run: TranslatorRun, batch_size: int) -> None:
    """One epoch, step by step, the loss added up at each; one sentence at a time with a batch size of 1."""
    model = PlainTranslator(run)
    optimizer = torch.optim.Adam(model.parameters(), lr=run.learning_rate)
    total = 0.0
    for rows in torch.randperm(len(pairs)).split(batch_size):
        batch = pairs[rows]
        source, target = trimmed(batch.source), trimmed(batch.target)
        optimizer.zero_grad()
        forced = torch.rand(()).item() < run.teacher_forcing
        outputs, state = model.encode(source)
        word = torch.full_like(target[:, :1], START)
        loss = torch.zeros(())
        for t in range(target.shape[1]):
            logits, state = model.step(word, state, outputs, source)
            loss = loss + F.cross_entropy(logits, target[:, t], ignore_index=PAD, reduction="sum")
            word = target[:, t : t + 1] if forced else logits.argmax(-1, keepdim=True)
        loss = loss / (target != PAD).sum()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), run.clip_norm)
        optimizer.step()
        total += loss.item()


def epoch(run: TranslatorRun, count: int, device: torch.device, precision: str) -> Callable[[], None]:
    """Return what trains for an epoch on so many pairs, checkpoint included."""
    pairs = sentences(count).to(device)
    translator = build_translator(run, SOURCE_WORDS, TARGET_WORDS).to(device)
    valid = pairs[torch.arange(10, device=device)]

    def ours() -> None:
        learner = TranslatorLearner(translator, run, pairs, valid, autocast(precision, device))
        passes = Passes(learner.rows, run.batch_size)
        schedule = Schedule.by_epochs("seq_attention", 1, 1, passes.sizes, save_every=1)
        with tempfile.TemporaryDirectory() as folder:
            fit(learner, passes, schedule, Checkpoint(Path(folder)))

    return ours


def time_epoch(run: TranslatorRun, precision: str, target: str, plain: int, batch_size: int) -> Timing:
    """Time an epoch in `precision` against the plain loop over so many pairs, in batches of `batch_size`."""
    few = sentences(plain)
    return compare(
        f"`seq_attention`, one epoch on 29,000 pairs in {precision} (timed on {MEASURED:,}), against "
        + ("one sentence at a time" if batch_size == 1 else f"batches of {batch_size}, step by step"),
        epoch(run, MEASURED, CPU, precision),
        lambda: train_plainly(few, run, batch_size),
        target=target,
        repeats=3,
        part=MEASURED / PAIRS,
        plain_part=plain / PAIRS,
    )


def measure() -> list[Timing]:
    """Both plain loops, which compute in float32, against ours, with `seq_attention` as the paper has it.

    Ours also in bfloat16 where the processor has instructions for it: without, it is far slower there.
    """
    run = read_params(Path(__file__).parent.parent / "profiles" / "paper.yaml").translator_run(
        "seq_attention"
    )
    torch.manual_seed(1)
    keep_freed_memory()
    fast = "bfloat16" if has_bfloat16() else "float32"
    return [
        time_epoch(run, fast, "50 s; 20 x", PLAIN, 1),
        *(time_epoch(run, each, "1.5 x", PLAIN_BATCHED, run.batch_size) for each in {fast, "float32"}),
    ]


if __name__ == "__main__":
    print("\n".join([HEADING, *(timing.row() for timing in measure())]))
