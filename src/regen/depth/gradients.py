"""Gradients of stacks at initialisation: their norms at each layer, and the factors between them.

The gradient at layer l is a product of factors, one a block:

    d loss / d x_l = (d x_{l+1} / d x_l)' ... (d x_L / d x_{L-1})' d loss / d x_L

A factor's norm is measured as its gain along the gradient, |J' g| / |g| with g = d loss / d x_{l+1}: the
product of the gains is what the gradient gains or loses over the stack, whereas spectral norms multiply to a
bound that no gradient need come near. The part of layer normalisation in it is measured in both ways: as a
gain, with g at its output, and as its spectral norm, which is the report's lambda.
"""

from __future__ import annotations

import math

import pandas as pd
import torch
from torch import Tensor

from regen.depth.stacks import Copier, Passed, copying_loss, spectral_norm


def layers_of(copier: Copier, words: Tensor) -> pd.DataFrame:
    """Table of one stack's gradients on `words` (N, T): a row for each state x_0 ... x_L.

    `gradient` is |d loss / d x_l|. Of the block that made x_l, and so without a value at l = 0: `gain`,
    |d loss / d x_{l-1}| / |d loss / d x_l|; `norm_gain`, that of its layer normalisation; `norm_lambda`,
    the mean of its spectral norm over the words. `apart` is the share of |x_l| that differs from the mean
    over the words of a sequence.
    """
    start = copier.embed(words)
    passed = copier.passed(start)
    states = [start, *(each.output for each in passed)]
    loss = copying_loss(copier.logits(states[-1]), words)
    gradients = torch.autograd.grad(loss, states, retain_graph=True)
    norms = torch.stack([each.norm() for each in gradients])
    normalised = torch.autograd.grad(loss, [each.normalised for each in passed], retain_graph=True)
    return pd.DataFrame(
        {
            "layer": range(len(states)),
            "gradient": norms.tolist(),
            "gain": [math.nan, *(norms[:-1] / norms[1:]).tolist()],
            "norm_gain": [math.nan, *map(norm_gain, passed, normalised)],
            "norm_lambda": [math.nan, *(spectral_norm(each.entering).mean().item() for each in passed)],
            "apart": list(map(apart, states)),
        }
    )


def norm_gain(passed: Passed, gradient: Tensor) -> float:
    """Gain of a block's layer normalisation along `gradient`, which is that at its output."""
    (before,) = torch.autograd.grad(passed.normalised, passed.entering, gradient, retain_graph=True)
    return float(before.norm() / gradient.norm())


def apart(states: Tensor) -> float:
    """Share of the norm of `states` (N, T, d) that differs from the mean over the words of a sequence."""
    return ((states - states.mean(1, keepdim=True)).norm() / states.norm()).item()


def slope(gradients: pd.Series[float]) -> float:
    """Slope per block of log `gradients` (L + 1,) on the way back to the input: below 0 if they shrink."""
    logs = torch.tensor(gradients.to_list()).log()
    steps = torch.arange(len(logs), 0, -1, dtype=logs.dtype)  # blocks from the output
    steps -= steps.mean()
    return float((steps * logs).sum() / steps.square().sum())
