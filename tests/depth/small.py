"""Small settings and stacks."""

import torch

from regen.depth.stacks import Copier
from regen.params import Depth

SETTINGS = Depth(
    depths=[3, 1],
    width=8,
    heads=2,
    length=5,
    words=6,
    seeds=3,
    sequences=2,
    steps=25,
    learning_rate=1e-2,
    batch_size=4,
    training_seeds=[1, 2],
)
NORMS = ("post", "pre")


def copier_of(norm, depth=3, seed=0):
    """Return a stack with normalisations that are not as at the start, and words for it (2, 5)."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    copier = Copier(norm, depth, SETTINGS)
    for block in copier.blocks:
        for weights in block.norm.parameters():
            weights.data.add_(0.3 * torch.randn(weights.shape, generator=generator))
    return copier, torch.randint(SETTINGS.words, (2, SETTINGS.length), generator=generator)


def states(count=2, seed=0):
    """Return random states (count, 5, 8)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, SETTINGS.length, SETTINGS.width, generator=generator)
