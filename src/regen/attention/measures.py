"""Measures of translations, and of where their attention lies.

References:
    A Call for Clarity in Reporting BLEU Scores (Post, 2018): sacrebleu, and signatures of scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from sacrebleu.metrics import BLEU, CHRF
from torch import Tensor

from regen.artifacts import END, PAD, Pairs, metric
from regen.attention.networks import Translator, shifted

QUARTERS = 4
NEAR = 1
"""Positions from the diagonal up to which attention counts as near it."""
BATCH = 250


def bleu() -> BLEU:
    """BLEU of text that is in words already; `force` spares a warning of that."""
    return BLEU(tokenize="none", force=True)


def text_scores(translations: Sequence[str], references: Sequence[str]) -> dict[str, float | str]:
    """BLEU and chrF, 0 to 100, with their signatures, and the share of exact translations."""
    exact = [ours == theirs for ours, theirs in zip(translations, references, strict=True)]
    found: dict[str, float | str] = {}
    for name, score in (("bleu", bleu()), ("chrf", CHRF())):
        found[name] = score.corpus_score(translations, [references]).score
        found[f"{name}_signature"] = str(score.get_signature())
    return {**found, "exact": sum(exact) / len(exact)}


def by_length(sources: Sequence[str], translations: Sequence[str], references: Sequence[str]) -> pd.DataFrame:
    """BLEU in equal parts of the sentences, by the length of their source.

    Columns: `quarter`, from 1; `shortest` and `longest` in words; `sentences`; `bleu`. Of sentences of one
    length the earlier ones are in the earlier part.
    """
    lengths = torch.tensor([len(source.split()) for source in sources])
    rows = []
    for quarter, part in enumerate(lengths.argsort(stable=True).tensor_split(QUARTERS), 1):
        if len(part):
            ours, theirs = ([texts[i] for i in part.tolist()] for texts in (translations, references))
            score = bleu().corpus_score(ours, [theirs]).score
            ends = {"shortest": int(lengths[part].min()), "longest": int(lengths[part].max())}
            rows.append({"quarter": quarter, **ends, "sentences": len(part), "bleu": score})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class DiagonalShares:
    """Shares of attention near the diagonal: the translator's, and that of attention spread evenly."""

    found: float
    even: float


def diagonal_shares(weights: Tensor, source: Tensor, target: Tensor) -> DiagonalShares:
    """Shares of `weights` (B, T, S) at most NEAR positions from the diagonal, means over the target words.

    The diagonal leads from the first words of `source` (B, S) and `target` (B, T) to their last ones; END is
    not a word of the target, and attention on END of the source is off the diagonal.
    """
    found, even = [], []
    for own, words, steps in zip(weights, (source > END).sum(1), (target > END).sum(1), strict=True):
        if words and steps:
            row, column = torch.arange(int(steps)), torch.arange(int(words))
            diagonal = row * float(words - 1) / max(int(steps) - 1, 1)
            near = (column - diagonal[:, None]).abs() <= NEAR + 1e-9
            found.append((own[: int(steps), : int(words)] * near).sum(1))
            even.append(near.sum(1) / (int(words) + 1.0))
    if not found:
        return DiagonalShares(0.0, 0.0)
    return DiagonalShares(float(torch.cat(found).mean()), float(torch.cat(even).mean()))


def aligned_shares(weights: Tensor, alignment: Tensor, swapped: Tensor) -> dict[str, float | str]:
    """Shares of attention (B, T, S) on the source word that each target word translates, means over words.

    Over all words whose `alignment` (B, T) is known, those that are `swapped` (B, T), and the rest.
    """
    share = weights.gather(2, alignment.clamp(min=0)[..., None]).squeeze(-1)
    parts = {"": alignment >= 0, "_swapped": swapped, "_rest": ~swapped}
    return {
        f"aligned_share{name}": metric(float(share[part & (alignment >= 0)].mean()))
        for name, part in parts.items()
    }


@torch.no_grad()
def followed(translator: Translator, pairs: Pairs) -> Tensor:
    """Attention (N, T, S) on each of `pairs` where the decoder is fed the true words; 0 at PAD."""
    device = next(translator.parameters()).device
    found = []
    for source, target in zip(pairs.source.split(BATCH), pairs.target.split(BATCH), strict=True):
        memory = translator.encode(source.to(device))
        weights = translator.attention(shifted(target.to(device)), memory)
        assert weights is not None
        found.append(weights.cpu() * (target != PAD)[..., None])
    return torch.cat(found)


def steps_to_level(history: pd.DataFrame, level: float) -> float | str:
    """Steps after which a seed's validation loss first falls to `level`, or 'not reached'.

    Between two validations it is taken to fall evenly; before the first nothing is known of it.
    """
    steps, losses = (history[name].astype(float).tolist() for name in ("step", "valid_loss"))
    reached = next((i for i, loss in enumerate(losses) if loss <= level), None)
    if reached is None:
        return "not reached"
    if reached == 0:
        return steps[0]
    begin, end = reached - 1, reached
    share = (losses[begin] - level) / (losses[begin] - losses[end])
    return steps[begin] + share * (steps[end] - steps[begin])
