"""Products with the vocabulary, half of a translator's work: scores of all its words, and their loss.

N is a number of places where a word is predicted, from `features` (N, H); `output` maps H numbers to scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from regen.training.device import cast

LINE = 16
"""float32 numbers in a line of a processor's cache."""
BLOCK = 256
"""Places whose scores are held at once: they stay in a processor's cache."""


@torch.no_grad()
def word_scores(features: Tensor, output: nn.Linear) -> Tensor:
    """Logits (N, words) of the next word, without gradient."""
    return _scores(features, output.weight.to(features.dtype), output.bias.to(features.dtype))


def _scores(features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Affine map, whose rows begin at lines of the cache: elsewhere MKL takes twice as long."""
    words = len(weight)
    rows = features.new_empty(len(features), -(-words // LINE) * LINE)[:, :words]
    return torch.addmm(bias, features, weight.T, out=rows)


@torch.no_grad()
def word_losses(features: Tensor, output: nn.Linear, words: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy (N,) nats of each true word of `words` (N,), and whether it was the likeliest (N,)."""
    nats, right = [], []
    for place, word in zip(features.split(BLOCK), words.split(BLOCK), strict=True):
        logits = cast(word_scores(place, output))
        nats.append(logits.logsumexp(1) - logits.gather(1, word[:, None])[:, 0])
        right.append(logits.max(1).indices == word)  # faster than argmax
    return torch.cat(nats), torch.cat(right)


def mean_loss(features: Tensor, output: nn.Linear, words: Tensor) -> Tensor:
    """Mean cross entropy, nats, of the true `words` (N,); it has a gradient, but no second one.

    `torch.nn.functional.cross_entropy(output(features), words)`, by blocks of places whose scores become
    their own gradient, and are never held all at once.
    """
    loss: Tensor = _MeanLoss.apply(features, output.weight, output.bias, words)
    return loss


class _MeanLoss(torch.autograd.Function):
    """The gradients of the scores, softmax minus the true word, are at hand with the loss: used at once."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, words: Tensor) -> Tensor:
        """Sum of the losses over N, and gradients for `backward`."""
        own, shift = weight.to(features.dtype), bias.to(features.dtype)
        to_features, to_weight, to_bias = (torch.zeros_like(each) for each in (features, weight, bias))
        total = bias.new_zeros(())
        for place, word, gradient in _blocks(features, words, to_features):
            scores = cast(_scores(place, own, shift))
            log_sums = scores.logsumexp(1, keepdim=True)
            total += (log_sums - scores.gather(1, word)).sum()
            wrong = scores.sub_(log_sums).exp_().scatter_add_(1, word, -torch.ones_like(log_sums))
            to_bias += wrong.sum(0)
            wrong = wrong.to(features.dtype)
            torch.mm(wrong, own, out=gradient)
            if wrong.dtype == weight.dtype:
                to_weight.addmm_(wrong.T, place)
            else:
                to_weight += wrong.T @ place  # added up in the weight's own precision
        ctx.save_for_backward(to_features, to_weight, to_bias)
        return total / len(words)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_loss: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """Gradients of the mean."""
        to_features, to_weight, to_bias = ctx.saved_tensors
        scale = of_loss / len(to_features)
        return to_features * scale, to_weight * scale, to_bias * scale, None


def _blocks(features: Tensor, words: Tensor, gradients: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Places, their words as a column, and where their gradients go."""
    return zip(features.split(BLOCK), words[:, None].split(BLOCK), gradients.split(BLOCK), strict=True)
