"""Stacks of self-attention whose layer normalisation comes after each block, or before it.

    post-norm   x_{l+1} = LN(x_l + A(x_l))
    pre-norm    x_{l+1} = x_l + A(LN(x_l))

Shapes: states x (N, T, d), of N sequences of T words; words (N, T) int64.

References:
    Ruibin Xiong et al., 'On Layer Normalization in the Transformer Architecture', 2020.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from regen.params import Depth

POST, PRE = "post", "pre"
"""Where the normalisation is."""
EPS = 1e-5
"""What layer normalisation adds to a variance."""


class Passed(NamedTuple):
    """What a block makes of its state."""

    entering: Tensor
    """What is normalised in it (N, T, d)."""
    normalised: Tensor
    """The same after layer normalisation."""
    output: Tensor
    """The next state."""


class Block(nn.Module):
    """Self-attention A and a layer normalisation; how they are joined is up to the subclass.

    Entries of all matrices have variance 1/d at the start (Xavier, as the paper has it).
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = normal_linear(width, 3 * width)
        self.merge = normal_linear(width, width)
        self.norm = nn.LayerNorm(width, EPS)

    def attend(self, x: Tensor) -> Tensor:
        """A(x): each word takes from all words of its sequence."""
        queries, keys, values = self.project(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        taken = F.scaled_dot_product_attention(queries, keys, values)  # (N, heads, T, d / heads)
        merged: Tensor = self.merge(taken.transpose(1, 2).flatten(2))
        return merged

    def forward(self, x: Tensor) -> Passed:
        """Next state, and what its normalisation did."""
        raise NotImplementedError


class PostNorm(Block):
    """x + A(x), normalised."""

    def forward(self, x: Tensor) -> Passed:
        """Next state, and what its normalisation did."""
        entering = x + self.attend(x)
        normalised = self.norm(entering)
        return Passed(entering, normalised, normalised)


class PreNorm(Block):
    """x plus A of the normalised x."""

    def forward(self, x: Tensor) -> Passed:
        """Next state, and what its normalisation did."""
        normalised = self.norm(x)
        return Passed(x, normalised, x + self.attend(normalised))


BLOCKS: dict[str, type[Block]] = {POST: PostNorm, PRE: PreNorm}


class Copier(nn.Module):
    """A stack between an embedding of words and positions and a linear map to the words' logits.

    x_0 has variance 1. As in the paper, the last state of a pre-norm stack is normalised before it is read.
    """

    def __init__(self, norm: str, depth: int, settings: Depth) -> None:
        super().__init__()
        width = settings.width
        self.words = half_normal(settings.words, width)
        self.positions = half_normal(settings.length, width)
        self.blocks = nn.ModuleList(BLOCKS[norm](width, settings.heads) for _ in range(depth))
        self.last = nn.LayerNorm(width, EPS) if norm == PRE else nn.Identity()
        self.read = normal_linear(width, settings.words)

    def embed(self, words: Tensor) -> Tensor:
        """x_0 of `words`."""
        return F.embedding(words, self.words) + self.positions

    def passed(self, x: Tensor) -> list[Passed]:
        """What each block makes of the state before it, from x_0 on."""
        found: list[Passed] = []
        for block in self.blocks:
            found.append(block(found[-1].output if found else x))
        return found

    def logits(self, x: Tensor) -> Tensor:
        """Logits (N, T, words) of the last state."""
        read: Tensor = self.read(self.last(x))
        return read

    def forward(self, words: Tensor) -> Tensor:
        """Logits (N, T, words) of `words`."""
        return self.logits(self.passed(self.embed(words))[-1].output)


def half_normal(count: int, width: int) -> nn.Parameter:
    """Vectors of variance 1/2, which two of them add up to 1."""
    return nn.Parameter(torch.randn(count, width) * math.sqrt(0.5))


def normal_linear(inputs: int, outputs: int) -> nn.Linear:
    """Linear map without bias, its entries of variance 1 / `inputs`."""
    linear = nn.Linear(inputs, outputs, bias=False)
    nn.init.normal_(linear.weight, std=1 / math.sqrt(inputs))
    return linear


def copying_loss(logits: Tensor, words: Tensor) -> Tensor:
    """Mean cross entropy of giving back `words` (B, T) from `logits` (B, T, words), in nats per word."""
    return F.cross_entropy(logits.flatten(0, 1), words.flatten())


def spectral_norm(entering: Tensor) -> Tensor:
    """Spectral norm of layer normalisation's Jacobian at `entering` (..., d), at its initial weights: (...).

    With s^2 = var(x) + eps and y = (x - mean(x)) / s the Jacobian is (I - 11'/d - yy'/d) / s, whose largest
    singular value is 1 / s in d > 2 dimensions.
    """
    return (entering.var(-1, correction=0) + EPS).rsqrt()
