"""All stacks of the study: measured at initialisation, trained, and summed up."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from regen.depth.gradients import layers_of, slope
from regen.depth.stacks import BLOCKS, Copier

if TYPE_CHECKING:
    from regen.params import Depth

STACK = ["norm", "depth"]
LEARNED = 0.5
"""A stack trains if its last losses are below this share of log(words), the loss of guessing."""


def stacks_of(settings: Depth) -> Iterator[tuple[str, int]]:
    """Where the normalisation is, and the number of blocks, of each stack."""
    return product(BLOCKS, sorted(settings.depths))


def gradient_table(settings: Depth, seed: int) -> pd.DataFrame:
    """`layers_of` of each stack at initialisation, with its `norm`, `depth` and `seed`: consecutive ones.

    A stack's words come from its seed, too, and are those of all stacks of that seed.
    """
    tables = []
    for (norm, depth), each in product(stacks_of(settings), range(seed, seed + settings.seeds)):
        torch.manual_seed(each)
        words = torch.randint(settings.words, (settings.sequences, settings.length))
        table = layers_of(Copier(norm, depth, settings), words)
        tables.append(table.assign(norm=norm, depth=depth, seed=each))
    return pd.concat(tables, ignore_index=True)


def layer_table(gradients: pd.DataFrame) -> pd.DataFrame:
    """Geometric means over the seeds of `gradient_table`, a row for each stack and layer.

    `gradient_least` and `gradient_most` are the smallest and the largest of the seeds.
    """
    groups = gradients.groupby([*STACK, "layer"], sort=False)
    gradient = groups["gradient"]
    return (
        groups[["gradient"]]
        .agg(geometric_mean)
        .assign(gradient_least=gradient.min(), gradient_most=gradient.max())
        .join(groups[["gain", "norm_gain", "norm_lambda", "apart"]].agg(geometric_mean))
        .reset_index()
    )


def geometric_mean(values: pd.Series[float]) -> float:
    """Geometric mean, without what is not there: NaN of nothing, 0 where a value is 0."""
    known = values.dropna()
    if known.empty:
        return math.nan
    return statistics.geometric_mean(known) if (known > 0).all() else 0.0


def stack_table(gradients: pd.DataFrame, losses: pd.DataFrame, settings: Depth) -> pd.DataFrame:
    """What is found of each stack, a row each, from `gradient_table` and the learning curves.

    `slope` is that of `regen.depth.gradients.slope`, with its standard error over the seeds. `input_gradient`
    and `least_gradient` are the gradient at the input and the smallest at any layer, both relative to that at
    the output. `gain`, `norm_gain` and `norm_lambda` are means over blocks and seeds, `apart` that of the
    last state, all geometric. `loss` is the mean over the last steps and the seeds, in nats per word.
    """
    rows = []
    for norm, depth in stacks_of(settings):
        mine = gradients[(gradients["norm"] == norm) & (gradients["depth"] == depth)]
        curves = losses[(losses["norm"] == norm) & (losses["depth"] == depth)]
        rows.append({"norm": norm, "depth": depth, **at_start(mine), **when_trained(curves, settings.words)})
    return pd.DataFrame(rows)


def at_start(gradients: pd.DataFrame) -> dict[str, float]:
    """What `gradient_table` says of one stack; see `stack_table`."""
    slopes = gradients.groupby("seed")["gradient"].agg(slope)
    means = gradients.groupby("layer")[["gradient", "apart"]].agg(geometric_mean)
    relative = means["gradient"] / means["gradient"].iloc[-1]
    return {
        "slope": float(slopes.mean()),
        "slope_standard_error": float(slopes.std() / math.sqrt(len(slopes))),
        "input_gradient": float(relative.iloc[0]),
        "least_gradient": float(relative.min()),
        **{name: geometric_mean(gradients[name]) for name in ("gain", "norm_gain", "norm_lambda")},
        "apart": float(means["apart"].iloc[-1]),
    }


def when_trained(losses: pd.DataFrame, words: int) -> dict[str, Any]:
    """Last loss of one stack, and whether it trains: with all seeds, some of them, or none."""
    last = losses.groupby("seed")["loss"].last()
    learned = last < LEARNED * math.log(words)
    trains = "yes" if learned.all() else "some seeds" if learned.any() else "no"
    return {"loss": float(last.mean()), "trains": trains}
