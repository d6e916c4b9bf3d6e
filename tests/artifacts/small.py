"""Tensors of all kinds."""

import math

import torch

TENSORS = {
    "weight": torch.arange(6.0).reshape(2, 3),
    "bias": torch.tensor([1.0, math.nan, -math.inf]),
    "pixels": torch.arange(8, dtype=torch.uint8).reshape(2, 1, 2, 2),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "empty": torch.zeros(0, 4),
    "scalar": torch.tensor(3, dtype=torch.int64),
}


def names(folder):
    return sorted(path.name for path in folder.iterdir())
